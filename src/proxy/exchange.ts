import type { IncomingMessage, ServerResponse } from 'node:http';
import { giveBackArrival } from './arrivals.ts';
import type { Attempt, AttemptSink, Failure } from './attempt.ts';
import type { ProxyContext } from './context.ts';
import { DirectAttempt } from './direct-attempt.ts';
import { type EndpointState, pickEndpoint } from './endpoints.ts';
import { EventBoundary } from './event-stream.ts';
import { answerOurselves, type OwnAnswer } from './pages.ts';
import { type Placement, place } from './placement.ts';
import { PooledAttempt } from './pooled-attempt.ts';
import type { InFlight, PoolState } from './pools.ts';
import { type RequestHead, requestIdOf } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';
import { gatheredBytes, giveBackBody, Upload, type UploadFault } from './upload.ts';

/** Tries on one pool, the first included. */
const mostAttempts = 3;
/**
 * How long after its first refused connection an instance is hoped for: restarted, or replaced by another release in the table.
 * Requests that met nobody wait as long and are tried again; later ones are refused at once.
 */
const gapMs = 2_000;
const gapRetryMs = 50;
/** Requests of a pool at most that wait for the end of a gap. */
const mostWaiting = 512;
/** Up to this size a whole body is joined with its head. */
const oneWriteBytes = 8 * 1024;
/** How long a cut event stream may take to end its present event. */
const eventGraceMs = 1_000;

const answers: Readonly<Record<Failure['kind'] | 'empty' | 'deadline', OwnAnswer>> = {
  refused: { status: 502, code: 'APP_UNREACHABLE', detail: 'The app could not be reached.' },
  reset: { status: 502, code: 'APP_RESET', detail: 'The app ended the connection before it answered.' },
  timeout: { status: 504, code: 'APP_TIMEOUT', detail: 'The app did not answer in time.' },
  empty: { status: 503, code: 'APP_EMPTY', detail: 'The app has no running instance at the moment.', retryAfterSeconds: 1 },
  deadline: {
    status: 504,
    code: 'DRAIN_DEADLINE',
    detail: 'The release that worked on this request has been replaced meanwhile.',
  },
};

/** One request and its answer: from the claim of a pool to the last byte, over as many attempts as its nature allows. */
export class Exchange implements InFlight, AttemptSink {
  readonly #context: ProxyContext;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #head: RequestHead;
  readonly #placement: Placement;
  readonly #startedAt = performance.now();
  /** Safe to ask twice: GET, HEAD or OPTIONS without a body. */
  readonly #repeatable: boolean;
  #pool: PoolState;
  #attempt: Attempt | undefined;
  #attempts = 0;
  #tried: EndpointState[] = [];
  /** Another release than the one that was asked answers. */
  #rescuing = false;
  /** Waits, or has waited, for the end of a gap. */
  #waited = false;
  #errorCounted = false;
  #settled = false;
  #upload: Upload | undefined;
  #gathered: Buffer | null = null;
  /** Bytes of the answer still to come; -1 when nobody said how many. */
  #left = -1;
  /** A chunk of what was last read from the instance. */
  #reading: Buffer | undefined;
  #events: EventBoundary | undefined;
  #cutting = false;
  #flushed = false;
  #waitingForDrain = false;

  constructor(context: ProxyContext, req: IncomingMessage, res: ServerResponse, head: RequestHead, placement: Placement) {
    this.#context = context;
    this.#req = req;
    this.#res = res;
    this.#head = head;
    this.#placement = placement;
    this.#pool = placement.pool;
    const { method } = req;
    const bodiless = head.transferEncoding === undefined && head.contentLength <= 0;
    this.#repeatable = bodiless && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
    // Claimed in the tick in which it was routed: a commit in between is impossible, a drain will see it.
    this.#pool.claim(this);
    const { counter } = placement;
    if (counter) {
      counter.requests += 1;
      counter.inFlight += 1;
    }
    res.on('close', () => this.#clientGone());
    if (!bodiless) {
      this.#upload = new Upload(req, context.limits.maxBodyBytes, context.uploads, (fault) => this.#uploadFault(fault));
    }
  }

  start(): void {
    const { contentLength, expect, trailer } = this.#head;
    if (!this.#upload) {
      this.#try();
    } else if (contentLength > 0 && contentLength <= gatheredBytes && expect === undefined && !trailer) {
      this.#upload.gather((body) => {
        this.#gathered = body;
        this.#upload = undefined;
        if (!this.#settled) this.#try();
      });
    } else {
      // One turn later: a body that is broken in its first packet has ended the connection by then.
      process.nextTick(() => {
        if (!this.#settled) this.#try();
      });
    }
  }

  #try(fresh = false): void {
    const endpoint = pickEndpoint(this.#pool.endpoints, this.#tried);
    if (!endpoint) {
      this.#fail(answers.empty);
      return;
    }
    this.#attempts += 1;
    const { limits } = this.#context;
    const outgoing = {
      method: this.#req.method ?? 'GET',
      path: this.#placement.path,
      headers: this.#head.forward,
      headersTimeoutMs: this.#pool.requestTimeoutMs,
    };
    const body = this.#gathered ?? this.#upload?.stream() ?? null;
    if (this.#upload && (this.#head.expect !== undefined || this.#head.trailer)) {
      const attempt = new DirectAttempt(endpoint, this, {
        expectContinue: this.#head.expect === undefined ? undefined : () => this.#res.writeContinue(),
        connectTimeoutMs: limits.connectTimeoutMs,
        trailers: () => this.#req.rawTrailers,
      });
      this.#attempt = attempt;
      attempt.send(outgoing, body);
      return;
    }
    const connection = fresh ? endpoint.connections.fresh() : endpoint.connections.take(!this.#repeatable);
    const attempt = new PooledAttempt(endpoint, connection, this);
    this.#attempt = attempt;
    attempt.send(outgoing, body);
  }

  onInformation(status: number, statusText: string, head: ResponseHead): void {
    const { socket } = this.#res;
    if (!socket || this.#req.httpVersionMinor === 0 || this.#res.headersSent || status === 101) return;
    let lines = `HTTP/1.1 ${status} ${statusText}\r\n`;
    for (let i = 0; i < head.forward.length; i += 2) lines += `${head.forward[i]}: ${head.forward[i + 1]}\r\n`;
    socket.write(`${lines}\r\n`, 'latin1');
  }

  onHead(status: number, statusText: string, head: ResponseHead): void {
    const { counter, rescue, cookie } = this.#placement;
    if (counter && !this.#rescuing) {
      counter.answered(status, performance.now() - this.#startedAt);
      if (status >= 500) {
        this.#countError();
        if (rescue && this.#repeatable) {
          this.#attempt?.abort();
          this.#rescueBy(rescue.pool);
          return;
        }
      }
    }
    if (cookie !== undefined) head.forward.push('set-cookie', cookie);
    if (this.#context.finishing) head.forward.push('connection', 'close');
    if (head.eventStream) this.#events = new EventBoundary();
    try {
      this.#res.writeHead(status, statusText, head.forward);
    } catch {
      this.#attempt?.abort();
      this.#countError();
      this.#fail(answers.reset);
      return;
    }
    this.#left = head.contentLength;
    // The head goes out with the first bytes of the body when they came with it, else alone and at once.
    if (this.#left !== 0) process.nextTick(flush, this);
  }

  onChunk(chunk: Buffer): boolean {
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
    if (this.#res.write(chunk) || this.#settled) return true;
    if (!this.#waitingForDrain) {
      this.#waitingForDrain = true;
      this.#res.on('drain', () => this.#attempt?.resume());
    }
    return false;
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

  onEnd(trailers: readonly string[]): void {
    const res = this.#res;
    this.#flushed = true;
    if (!res.writableEnded) {
      if (trailers.length > 0) res.addTrailers(pairsOf(trailers));
      res.end();
    }
    this.#readingIsOver();
    if (this.#gathered && this.#attempt?.flushed) giveBackBody(this.#gathered);
    this.#settle();
  }

  onFailure(failure: Failure): void {
    const { endpoint } = this.#attempt as Attempt;
    if (this.#settled) return;
    const stale = failure.reused && failure.kind === 'reset';
    if (!stale && !this.#waited) endpoint.failed();
    if (this.#res.headersSent) {
      this.#countError();
      this.#dropped();
      this.#res.destroy();
      this.#settle();
      return;
    }
    const mayRepeat = this.#repeatable || !failure.sent;
    if (stale && this.#repeatable && this.#attempts < mostAttempts) {
      this.#countResent();
      this.#try(true);
      return;
    }
    this.#countError();
    const { rescue } = this.#placement;
    if (rescue && !this.#rescuing && this.#repeatable) {
      this.#rescueBy(rescue.pool);
      return;
    }
    this.#tried.push(endpoint);
    const others = this.#pool.endpoints.some((other) => !this.#tried.includes(other));
    if (mayRepeat && others && failure.kind !== 'timeout' && this.#attempts < mostAttempts) {
      this.#countResent();
      this.#try();
      return;
    }
    if (failure.kind === 'refused' && this.#mayWait(endpoint)) {
      if (!this.#waited) this.#countResent();
      this.#waited = true;
      setTimeout(() => this.#afterGap(failure), gapRetryMs);
      return;
    }
    this.#fail(answers[failure.kind]);
  }

  /** No instance has seen anything of it, it can be sent whole again, and the gap is young. */
  #mayWait(endpoint: EndpointState): boolean {
    const whole = this.#upload === undefined && this.#placement.counter !== undefined;
    const young = performance.now() - endpoint.refused() < gapMs;
    return whole && young && this.#pool.active.size <= mostWaiting && !this.#context.finishing;
  }

  /** Tries again under the present table: the same instances, or those of the release that has taken over. */
  #afterGap(failure: Failure): void {
    if (this.#settled) return;
    const placed = place(this.#context, this.#head, this.#req.url ?? '/');
    const { path, prefix } = this.#placement;
    if (!('go' in placed) || placed.go.path !== path || placed.go.prefix !== prefix || placed.go.pool.site) {
      this.#fail(answers[failure.kind]);
      return;
    }
    if (placed.go.pool !== this.#pool) {
      this.#rescueBy(placed.go.pool);
      return;
    }
    this.#tried = [];
    this.#attempts = 0;
    this.#try();
  }

  /** The drain's deadline: no head yet -> 504; an event stream ends after its present event; anything else is reset. */
  cut(): void {
    if (this.#settled) return;
    if (!this.#res.headersSent) {
      this.#attempt?.abort();
      this.#fail(answers.deadline);
    } else if (this.#events && !this.#cutting) {
      this.#cutting = true;
      if (this.#events.reached) this.#endEvents(undefined);
      else setTimeout(() => this.#endEvents(undefined), eventGraceMs);
    } else if (!this.#cutting) {
      this.#attempt?.abort();
      this.#dropped();
      this.#res.destroy();
      this.#settle();
    }
  }

  /** Headers alone, when no byte of the body followed at once. */
  flushHead(): void {
    if (!this.#flushed && !this.#settled && this.#res.headersSent) this.#res.flushHeaders();
  }

  #endEvents(chunk: Buffer | undefined): void {
    if (this.#settled) return;
    const end = chunk === undefined ? 0 : (this.#events?.scan(chunk) ?? -1);
    if (chunk && end === -1) {
      this.#res.write(chunk);
      return;
    }
    this.#attempt?.abort();
    this.#res.end(chunk?.subarray(0, end));
    this.#settle();
  }

  /** The release that was asked failed; another one answers, the first keeps the blame. */
  #rescueBy(pool: PoolState): void {
    const { counter } = this.#placement;
    if (counter && !this.#rescuing) counter.rescued += 1;
    this.#rescuing = true;
    this.#pool.release(this);
    this.#pool = pool;
    pool.claim(this);
    this.#tried = [];
    this.#attempts = 0;
    this.#try();
  }

  #fail(answer: OwnAnswer): void {
    this.#dropped();
    const close = this.#upload !== undefined || this.#context.finishing;
    answerOurselves(this.#res, close ? { ...answer, close } : answer, {
      accept: this.#head.accept,
      requestId: requestIdOf(this.#head),
    });
    this.#settle();
  }

  #uploadFault(fault: UploadFault): void {
    if (this.#settled) return;
    this.#attempt?.abort();
    const answer: OwnAnswer =
      fault === 'too-large'
        ? {
            status: 413,
            code: 'BODY_TOO_LARGE',
            detail: 'The request body is larger than this installation accepts.',
            close: true,
          }
        : { status: 408, code: 'BODY_TOO_SLOW', detail: 'The request body stopped coming.', close: true };
    if (this.#res.headersSent) this.#res.destroy();
    else answerOurselves(this.#res, answer, { accept: this.#head.accept, requestId: requestIdOf(this.#head) });
    this.#settle();
  }

  #clientGone(): void {
    if (this.#settled) return;
    this.#attempt?.abort();
    this.#settle();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#upload?.finish();
    this.#pool.release(this);
    const { counter } = this.#placement;
    if (counter) counter.inFlight -= 1;
  }

  #countError(): void {
    const { counter } = this.#placement;
    if (!counter || this.#errorCounted || this.#rescuing) return;
    this.#errorCounted = true;
    counter.errors += 1;
    this.#context.counters.onError();
  }

  #dropped(): void {
    const { counter } = this.#placement;
    if (counter) counter.dropped += 1;
  }

  #countResent(): void {
    const { counter } = this.#placement;
    if (counter && !this.#rescuing) counter.resent += 1;
  }
}

function flush(exchange: Exchange): void {
  exchange.flushHead();
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}
