import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Attempt, AttemptSink, Failure, Outgoing } from './attempt.ts';
import type { Connection } from './connections.ts';
import type { EndpointState } from './endpoints.ts';
import { readResponseHead } from './response-head.ts';

/** undici's codes for "the time is up". */
const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

/** A request over a pooled connection. The handler methods are undici's. */
export class PooledAttempt implements Attempt {
  readonly endpoint: EndpointState;
  readonly #sink: AttemptSink;
  readonly #connection: Connection;
  #abort: ((cause: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #over = false;
  #reused = false;
  #reusable = true;

  constructor(endpoint: EndpointState, connection: Connection, sink: AttemptSink) {
    this.endpoint = endpoint;
    this.#connection = connection;
    this.#sink = sink;
  }

  send(request: Outgoing, body: Readable | Buffer | null): void {
    this.endpoint.inFlight += 1;
    this.#connection.client.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers as string[],
        body,
        headersTimeout: request.headersTimeoutMs,
      },
      this as unknown as Dispatcher.DispatchHandler,
    );
  }

  get flushed(): boolean {
    return this.#connection.socket?.writableLength === 0;
  }

  abort(): void {
    if (this.#finish()) this.#abort?.(new Error('no longer wanted'));
  }

  resume(): void {
    this.#resume?.();
  }

  onConnect(abort: (cause?: Error) => void): void {
    if (this.#over) {
      abort();
      return;
    }
    this.#abort = abort;
    this.#reused = this.#connection.served > 0;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.#over) return true;
    const head = readResponseHead(raw);
    if (status < 200) {
      this.#sink.onInformation(status, statusText, head);
      return true;
    }
    this.#resume = resume;
    this.#reusable = !head.close;
    if (head.keepAliveMs > 0) this.#connection.advertisedMs = head.keepAliveMs;
    this.endpoint.succeeded();
    this.#sink.onHead(status, statusText, head);
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#over || this.#sink.onChunk(chunk);
  }

  onComplete(trailers: Buffer[] | null): void {
    if (!this.#finish()) return;
    if (this.#reusable) this.#connection.release();
    this.#sink.onEnd(trailers === null || trailers.length === 0 ? [] : readResponseHead(trailers).forward);
  }

  onError(cause: Error & { code?: string }): void {
    if (!this.#finish()) return;
    const sent = this.#abort !== undefined;
    const kind: Failure['kind'] = timeouts.has(cause.code ?? '') ? 'timeout' : sent ? 'reset' : 'refused';
    this.#sink.onFailure({ kind, sent, reused: this.#reused });
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.endpoint.inFlight -= 1;
    return true;
  }
}
