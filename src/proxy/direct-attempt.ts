import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Attempt, AttemptSink, Outgoing } from './attempt.ts';
import type { EndpointState } from './endpoints.ts';
import { readRequestTrailers } from './request-head.ts';
import { readResponseHead } from './response-head.ts';

/** What the pooled way cannot do: wait for the instance's 100 Continue, and send trailers after the body. */
export interface DirectOptions {
  /** Called when the instance asks for the body (`Expect: 100-continue`); undefined: the body is sent at once. */
  readonly expectContinue: (() => void) | undefined;
  readonly connectTimeoutMs: number;
  /** Raw trailers of the client once its body has ended. */
  readonly trailers: () => readonly string[];
}

/** A request over a connection of its own. */
export class DirectAttempt implements Attempt {
  readonly endpoint: EndpointState;
  readonly #sink: AttemptSink;
  readonly #options: DirectOptions;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connected = false;
  #timedOut = false;
  #over = false;
  /** Not known here. */
  readonly flushed = false;

  constructor(endpoint: EndpointState, sink: AttemptSink, options: DirectOptions) {
    this.endpoint = endpoint;
    this.#sink = sink;
    this.#options = options;
  }

  send(outgoing: Outgoing, body: Readable | Buffer | null): void {
    this.endpoint.inFlight += 1;
    const { expectContinue, connectTimeoutMs, trailers } = this.#options;
    const headers = [...outgoing.headers, 'connection', 'close'];
    if (expectContinue) headers.push('expect', '100-continue');
    const chunked = body !== null && !Buffer.isBuffer(body) && !hasLength(outgoing.headers);
    if (chunked) headers.push('transfer-encoding', 'chunked');
    const { host, port } = this.endpoint;
    const request = httpRequest({ host, port, method: outgoing.method, path: outgoing.path, headers, agent: false });
    this.#request = request;
    this.#arm(connectTimeoutMs);
    const sendBody = (): void => {
      if (body === null || Buffer.isBuffer(body)) {
        request.end(body ?? undefined);
        return;
      }
      body.on('data', (chunk: Buffer) => {
        if (!request.write(chunk)) body.pause();
      });
      request.on('drain', () => body.resume());
      body.on('end', () => {
        if (chunked) request.addTrailers(pairsOf(readRequestTrailers(trailers())));
        request.end();
        this.#arm(outgoing.headersTimeoutMs);
      });
      body.on('error', () => this.abort());
    };
    request.on('socket', (socket) => {
      socket.on('connect', () => {
        this.#connected = true;
        this.#arm(outgoing.headersTimeoutMs);
      });
    });
    request.on('information', ({ statusCode, statusMessage, rawHeaders }) => {
      if (statusCode === 100 || this.#over) return;
      this.#sink.onInformation(statusCode, statusMessage, readResponseHead(rawHeaders));
    });
    request.on('response', (response) => this.#answered(response));
    request.on('error', () => this.#failed());
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      this.#failed();
    });
    if (expectContinue) {
      request.on('continue', () => {
        clearTimeout(this.#timer);
        expectContinue();
        sendBody();
      });
      request.flushHeaders();
    } else {
      sendBody();
    }
  }

  abort(): void {
    if (this.#finish()) this.#request?.destroy();
  }

  resume(): void {
    this.#response?.resume();
  }

  #answered(response: IncomingMessage): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#response = response;
    this.endpoint.succeeded();
    response.on('data', (chunk: Buffer) => {
      if (!this.#over && !this.#sink.onChunk(chunk)) response.pause();
    });
    response.on('end', () => {
      if (!this.#finish()) return;
      this.#request?.destroy();
      this.#sink.onEnd(readResponseHead(response.rawTrailers).forward);
    });
    response.on('error', () => this.#failed());
    response.on('close', () => this.#failed());
    this.#sink.onHead(response.statusCode ?? 502, response.statusMessage ?? '', readResponseHead(response.rawHeaders));
  }

  #failed(): void {
    if (!this.#finish()) return;
    this.#request?.destroy();
    this.#sink.onFailure({
      kind: this.#timedOut ? 'timeout' : this.#connected ? 'reset' : 'refused',
      sent: this.#connected,
      reused: false,
    });
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#over || this.#response) return;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#failed();
    }, ms);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.endpoint.inFlight -= 1;
    return true;
  }
}

function hasLength(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === 'content-length') return true;
  return false;
}

/** The form that `addTrailers` takes for repeated names. */
function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}
