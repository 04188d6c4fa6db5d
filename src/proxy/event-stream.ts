const lineFeed = 10;
const carriageReturn = 13;

/** Follows the bytes of a server-sent event stream and knows where an event has just ended. */
export class EventBoundary {
  #lineEnds = 2;
  #lastWasReturn = false;

  /** True when everything seen so far ends with a whole event. */
  get reached(): boolean {
    return this.#lineEnds >= 2;
  }

  /** Takes a chunk; returns the offset just behind the first event end inside it, -1 when there is none. */
  scan(chunk: Buffer): number {
    let found = -1;
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i];
      if (byte === lineFeed && this.#lastWasReturn) {
        // The second half of a CRLF.
        if (found === i) found = i + 1;
        this.#lastWasReturn = false;
        continue;
      }
      this.#lastWasReturn = byte === carriageReturn;
      if (byte !== lineFeed && byte !== carriageReturn) this.#lineEnds = 0;
      else if (++this.#lineEnds === 2 && found === -1) found = i + 1;
    }
    return found;
  }

  /** Takes a chunk of which only the end matters. */
  follow(chunk: Buffer): void {
    if (chunk.length > 4) {
      this.#lineEnds = 0;
      this.#lastWasReturn = false;
    }
    this.scan(chunk.length > 4 ? chunk.subarray(-4) : chunk);
  }
}
