import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Writable } from 'node:stream';
import type { ClientAnswer } from '../client-side.ts';

/** What an answer may hold back for a client that does not read. */
const heldBytes = 64 * 1024;

/** Say something about one connection of HTTP/1, or are written by the library below. */
const notPassed = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
]);

/** May stand once: the library below throws at a second one. Of several the first is taken. */
const single = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** An answer on its way out over HTTP/2, used like one of node:http. The head goes out with the first bytes, or when it is flushed. */
export class Http2Answer extends Writable implements ClientAnswer {
  statusCode = 200;
  readonly socket = null;
  /** When bytes began to wait for the client; 0 while none do. `performance.now()`. */
  stalledSince = 0;
  readonly #stream: ServerHttp2Stream;
  #fields: (readonly [string, string])[] = [];
  #trailers: readonly (readonly [string, string])[] = [];
  #written = false;
  #begun = false;
  /** All of the answer has been handed over. */
  #whole = false;

  constructor(stream: ServerHttp2Stream) {
    super({ highWaterMark: heldBytes });
    this.#stream = stream;
    stream.on('error', () => {});
    // `close` may wait for a reader of the body that will never come.
    stream.on('aborted', () => this.destroy());
    stream.on('close', () => this.destroy());
    stream.on('wantTrailers', () => {
      if (!this.#whole) return;
      try {
        stream.sendTrailers(fieldsOf(this.#trailers));
      } catch {
        this.destroy();
      }
    });
    this.on('error', () => {});
  }

  get headersSent(): boolean {
    return this.#written;
  }

  /** Takes the place of one of that name, as in node:http; so does what is given to `writeHead`. */
  setHeader(name: string, value: string): this {
    this.#forget(new Set([name.toLowerCase()]));
    this.#fields.push([name, value]);
    return this;
  }

  writeHead(
    status: number,
    second?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    third?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    if (this.#written) throw new Error('The head has been written already.');
    if (status < 200 || status > 599) throw new RangeError('HTTP/2 has no such status here.');
    this.statusCode = status;
    const given = pairsOf(typeof second === 'string' ? third : second);
    if (this.#fields.length > 0) this.#forget(new Set(given.map(([name]) => name.toLowerCase())));
    this.#fields.push(...given);
    this.#written = true;
    return this;
  }

  addTrailers(trailers: OutgoingHttpHeaders | readonly [string, string][]): void {
    this.#trailers = Array.isArray(trailers) ? trailers : pairsOf(trailers);
  }

  flushHeaders(): void {
    this.#begin(false);
  }

  writeContinue(): void {
    this.inform(100, []);
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.#begun || this.#stream.destroyed || this.#stream.closed) return;
    try {
      this.#stream.additionalHeaders({ ...fieldsOf(pairsOf([...headers])), ':status': status });
    } catch {
      // Hints, which the answer does without.
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: (cause?: Error | null) => void): void {
    const stream = this.#stream;
    this.#begin(false);
    // An answer to HEAD, say, has ended with its head.
    if (stream.destroyed || stream.closed || stream.writableEnded) {
      done();
      return;
    }
    this.stalledSince = performance.now();
    stream.write(chunk, (cause) => {
      this.stalledSince = 0;
      done(cause);
    });
  }

  override _final(done: (cause?: Error | null) => void): void {
    const stream = this.#stream;
    this.#whole = true;
    this.#begin(this.#trailers.length === 0);
    const ended = (): void => {
      // What is left of the request's body nobody wants to have.
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
      done();
    };
    if (stream.destroyed) done();
    else if (stream.writableFinished) ended();
    else if (stream.writableEnded) stream.once('finish', ended);
    else stream.end(ended);
  }

  override _destroy(cause: Error | null, done: (cause?: Error | null) => void): void {
    const stream = this.#stream;
    if (!this.writableFinished && !stream.destroyed && !stream.closed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    done(cause);
  }

  #begin(endStream: boolean): void {
    const stream = this.#stream;
    if (this.#begun || stream.destroyed || stream.closed) return;
    this.#begun = true;
    this.#written = true;
    const headers = fieldsOf(this.#fields);
    // Closing a stream ends it first, which would make whole what has broken off: with trailers to come the end is ours to say.
    try {
      stream.respond({ ...headers, ':status': this.statusCode }, { endStream, waitForTrailers: !endStream });
    } catch {
      // What an app answers is its own choice: one answer that cannot be said in HTTP/2 breaks off, and nothing else.
      this.destroy();
    }
  }

  #forget(names: ReadonlySet<string>): void {
    this.#fields = this.#fields.filter(([name]) => !names.has(name.toLowerCase()));
  }
}

function pairsOf(headers: OutgoingHttpHeaders | readonly OutgoingHttpHeader[] | undefined): [string, string][] {
  const pairs: [string, string][] = [];
  if (headers === undefined) return pairs;
  if (Array.isArray(headers)) {
    for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([String(headers[i]), String(headers[i + 1])]);
    return pairs;
  }
  for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) pairs.push([name, String(one)]);
  }
  return pairs;
}

function fieldsOf(pairs: readonly (readonly [string, string])[]): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = Object.create(null) as OutgoingHttpHeaders;
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    if (notPassed.has(name) || name.startsWith(':')) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else if (!single.has(name)) fields[name] = [String(before), value];
  }
  return fields;
}
