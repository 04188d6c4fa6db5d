/** The head of an HTTP/1.1 answer; header names in lower case, of repeated ones the last. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseListener {
  head(head: ResponseHead): void;
  body(chunk: Buffer): void;
}

const maxHeadBytes = 64 * 1024;
const bodyless = new Set([204, 304]);

type State = 'head' | 'fixed' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'upgraded' | 'complete';

/** Raised for bytes that are no HTTP/1.1 answer. */
export class MalformedAnswer extends Error {}

/** Reads exactly one answer (interim 1xx answers are skipped) from bytes as they arrive; strict, since what it passes counts as a success. */
export class ResponseParser {
  readonly #listener: ResponseListener;
  readonly #method: string;
  #state: State = 'head';
  #pending: Buffer = Buffer.alloc(0);
  #left = 0;
  #keepAlive = true;
  #started = false;

  constructor(method: string, listener: ResponseListener) {
    this.#method = method;
    this.#listener = listener;
  }

  /** A byte of the answer has been seen. */
  get started(): boolean {
    return this.#started;
  }

  get complete(): boolean {
    return this.#state === 'complete';
  }

  /** A 101 was read; everything after it is in `rest()`. */
  get upgraded(): boolean {
    return this.#state === 'upgraded';
  }

  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /** Bytes behind the end of the answer. */
  rest(): Buffer {
    return this.#pending;
  }

  push(chunk: Buffer): void {
    this.#started = true;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#step());
  }

  /** The peer has ended the connection cleanly. @returns whether the answer is whole. */
  end(): boolean {
    if (this.#state === 'until-close') this.#state = 'complete';
    return this.#state === 'complete';
  }

  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'fixed':
      case 'chunk':
        return this.#readBody();
      case 'chunk-size':
        return this.#readChunkSize();
      case 'chunk-end':
        return this.#readChunkEnd();
      case 'trailers':
        return this.#readTrailer();
      case 'until-close':
        if (this.#pending.length === 0) return false;
        this.#listener.body(this.#take(this.#pending.length));
        return false;
      case 'upgraded':
      case 'complete':
        return false;
    }
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end === -1) {
      if (this.#pending.length > maxHeadBytes) throw new MalformedAnswer(`no end of the headers within ${maxHeadBytes} bytes`);
      return false;
    }
    const lines = this.#take(end + 4)
      .toString('latin1', 0, end)
      .split('\r\n');
    const first = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0] ?? '');
    if (!first) throw new MalformedAnswer(`not a status line: ${JSON.stringify((lines[0] ?? '').slice(0, 80))}`);
    const headers = new Map<string, string>();
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      if (colon < 1) throw new MalformedAnswer(`not a header: ${JSON.stringify(line.slice(0, 80))}`);
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const status = Number(first[2]);
    if (status >= 100 && status < 200 && status !== 101) return true;
    const connection = headers.get('connection')?.toLowerCase() ?? '';
    this.#keepAlive = first[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive');
    this.#listener.head({ status, headers });
    this.#state = this.#bodyState(status, headers);
    return true;
  }

  #bodyState(status: number, headers: ReadonlyMap<string, string>): State {
    if (status === 101) return 'upgraded';
    if (this.#method === 'HEAD' || bodyless.has(status)) return 'complete';
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return 'chunk-size';
    const length = headers.get('content-length');
    if (length === undefined) {
      this.#keepAlive = false;
      return 'until-close';
    }
    if (!/^\d+$/.test(length)) throw new MalformedAnswer(`content-length: ${length}`);
    this.#left = Number(length);
    return this.#left === 0 ? 'complete' : 'fixed';
  }

  #readBody(): boolean {
    if (this.#pending.length === 0) return false;
    const part = this.#take(Math.min(this.#left, this.#pending.length));
    this.#left -= part.length;
    this.#listener.body(part);
    if (this.#left === 0) this.#state = this.#state === 'fixed' ? 'complete' : 'chunk-end';
    return this.#left === 0;
  }

  #readChunkSize(): boolean {
    const line = this.#takeLine();
    if (line === undefined) return false;
    if (!/^[0-9a-f]{1,8}(?:;.*)?$/i.test(line)) throw new MalformedAnswer(`chunk size: ${JSON.stringify(line.slice(0, 40))}`);
    this.#left = Number.parseInt(line, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
    return true;
  }

  #readChunkEnd(): boolean {
    if (this.#pending.length < 2) return false;
    if (this.#take(2).toString('latin1') !== '\r\n') throw new MalformedAnswer('a chunk is longer than it said');
    this.#state = 'chunk-size';
    return true;
  }

  #readTrailer(): boolean {
    const line = this.#takeLine();
    if (line === undefined) return false;
    if (line === '') this.#state = 'complete';
    return true;
  }

  #takeLine(): string | undefined {
    const end = this.#pending.indexOf('\r\n');
    if (end === -1) {
      if (this.#pending.length > maxHeadBytes) throw new MalformedAnswer('a line without an end');
      return undefined;
    }
    return this.#take(end + 2).toString('latin1', 0, end);
  }

  #take(bytes: number): Buffer {
    const part = this.#pending.subarray(0, bytes);
    this.#pending = this.#pending.subarray(bytes);
    return part;
  }
}
