import { giveBackArrival } from './arrivals.ts';
import type { ClientAnswer, ClientRequest } from './client-side.ts';
import { EventBoundary } from './event-stream.ts';
import type { ResponseHead } from './response-head.ts';

/** Up to this size a whole body is joined with its head. */
const oneWriteBytes = 8 * 1024;
/** How long a cut event stream may take to end its present event. */
const eventGraceMs = 1_000;

/** Whose answer is delivered. */
export interface Sender {
  /** Nobody wants the rest. */
  readonly settled: boolean;
  /** The client has room again. */
  resume(): void;
  /** What has been delivered is all there will be. */
  finish(): void;
}

/** An instance's answer on its way to the client: the head, the bytes at the client's pace, the end. */
export class Delivery {
  readonly #req: ClientRequest;
  readonly #res: ClientAnswer;
  readonly #sender: Sender;
  /** Bytes of the answer still to come; -1 when nobody said how many. */
  #left = -1;
  /** A chunk of what was last read from the instance. */
  #reading: Buffer | undefined;
  #events: EventBoundary | undefined;
  #cutting = false;
  #flushed = false;
  #waitingForDrain = false;

  constructor(req: ClientRequest, res: ClientAnswer, sender: Sender) {
    this.#req = req;
    this.#res = res;
    this.#sender = sender;
  }

  get begun(): boolean {
    return this.#res.headersSent;
  }

  /** An interim answer (1xx). */
  information(status: number, statusText: string, head: ResponseHead): void {
    const { socket } = this.#res;
    if (this.#req.httpVersionMinor === 0 || this.#res.headersSent || status === 101) return;
    if (this.#res.inform) {
      this.#res.inform(status, head.forward);
      return;
    }
    if (!socket) return;
    let lines = `HTTP/1.1 ${status} ${statusText}\r\n`;
    for (let i = 0; i < head.forward.length; i += 2) lines += `${head.forward[i]}: ${head.forward[i + 1]}\r\n`;
    socket.write(`${lines}\r\n`, 'latin1');
  }

  /** @returns false when it cannot be said in HTTP; then nothing has gone out. */
  head(status: number, statusText: string, head: ResponseHead): boolean {
    if (head.eventStream) this.#events = new EventBoundary();
    try {
      this.#res.writeHead(status, statusText, head.forward);
    } catch {
      return false;
    }
    this.#left = head.contentLength;
    // The head goes out with the first bytes of the body when they came with it, else alone and at once.
    if (this.#left !== 0) process.nextTick(flush, this);
    return true;
  }

  /** @returns false when the client is to be waited for; `resume` follows. */
  chunk(chunk: Buffer): boolean {
    this.#flushed = true;
    if (this.#reading?.buffer !== chunk.buffer) {
      this.#readingIsOver();
      this.#reading = chunk;
    }
    if (this.#events) {
      if (this.#cutting) {
        this.#endEvents(chunk);
        return true;
      }
      this.#events.follow(chunk);
    }
    if (this.#left > 0) {
      this.#left -= chunk.length;
      if (this.#left === 0) {
        this.#last(chunk);
        return true;
      }
    }
    if (this.#res.write(chunk) || this.#sender.settled) return true;
    if (!this.#waitingForDrain) {
      this.#waitingForDrain = true;
      this.#res.on('drain', () => this.#sender.resume());
    }
    return false;
  }

  end(trailers: readonly string[]): void {
    const res = this.#res;
    this.#flushed = true;
    if (!res.writableEnded) {
      if (trailers.length > 0) res.addTrailers(pairsOf(trailers));
      res.end();
    }
    this.#readingIsOver();
  }

  /** Breaks off what has begun. */
  destroy(): void {
    this.#res.destroy();
  }

  /**
   * Ends an event stream after its present event.
   * @returns false when it is none: then only breaking it off is left.
   */
  cut(): boolean {
    if (!this.#events) return false;
    if (this.#cutting) return true;
    this.#cutting = true;
    if (this.#events.reached) this.#endEvents(undefined);
    else setTimeout(() => this.#endEvents(undefined), eventGraceMs);
    return true;
  }

  /** Headers alone, when no byte of the body followed at once. */
  flushHead(): void {
    if (!this.#flushed && !this.#sender.settled && this.#res.headersSent) this.#res.flushHeaders();
  }

  /** The last bytes of an answer of known length. A chunk given to `end` would leave together with an empty one, in a gathered write. */
  #last(chunk: Buffer): void {
    const res = this.#res;
    // A string leaves in one piece with the head.
    if (chunk.length <= oneWriteBytes) res.write(chunk.toString('latin1'), 'latin1');
    else res.write(chunk);
    res.socket?.uncork();
    res.end();
  }

  /** Called when all of the present reading has been parsed: its buffer may be used again when the client's system has everything. */
  #readingIsOver(): void {
    if (this.#reading && this.#res.socket?.writableLength === 0 && this.#res.writableLength === 0) giveBackArrival(this.#reading);
    this.#reading = undefined;
  }

  #endEvents(chunk: Buffer | undefined): void {
    if (this.#sender.settled) return;
    const end = chunk === undefined ? 0 : (this.#events?.scan(chunk) ?? -1);
    if (chunk && end === -1) {
      this.#res.write(chunk);
      return;
    }
    this.#res.end(chunk?.subarray(0, end));
    this.#sender.finish();
  }
}

function flush(delivery: Delivery): void {
  delivery.flushHead();
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}
