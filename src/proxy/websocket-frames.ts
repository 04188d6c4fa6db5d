/** A close frame from a server: 1012, service restart. */
export const restartFrame = Buffer.from([0x88, 0x02, 0x03, 0xf4]);

/** Follows the frames of one direction of a websocket without keeping their payload; knows where a frame ends. */
export class FrameTracker {
  readonly #header: number[] = [];
  #needed = 2;
  #payload = 0;

  /** True between two frames. */
  get atBoundary(): boolean {
    return this.#payload === 0 && this.#header.length === 0;
  }

  /** Takes the next bytes; returns the offset just behind the first frame that ends in them, -1 when none does. */
  take(chunk: Buffer): number {
    let first = -1;
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload > 0) {
        const step = Math.min(this.#payload, chunk.length - at);
        this.#payload -= step;
        at += step;
      } else {
        this.#header.push(chunk[at] as number);
        at += 1;
        this.#readHeader();
      }
      if (first === -1 && this.atBoundary) first = at;
    }
    return first;
  }

  #readHeader(): void {
    const header = this.#header;
    const second = header[1] ?? 0;
    if (header.length === 2) {
      const length = second & 0x7f;
      this.#needed = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
    }
    if (header.length < this.#needed) return;
    const length = second & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    let payload = extended === 0 ? length : 0;
    for (let i = 2; i < 2 + extended; i += 1) payload = payload * 256 + (header[i] ?? 0);
    this.#payload = payload;
    this.#needed = 2;
    header.length = 0;
  }
}
