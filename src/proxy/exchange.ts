import type { Attempt, AttemptSink, Failure } from './attempt.ts';
import type { ClientAnswer, ClientRequest } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import { Delivery } from './delivery.ts';
import { DirectAttempt } from './direct-attempt.ts';
import { tooLarge } from './edge/admission.ts';
import { addMissing } from './edge/headers.ts';
import { bodyLimitOf } from './edge/rules.ts';
import { type EndpointState, pickEndpoint } from './endpoints.ts';
import { answers, bodyTooSlow } from './exchange-answers.ts';
import { answerOurselves, type OwnAnswer } from './pages.ts';
import { type Placement, place } from './placement.ts';
import { PooledAttempt } from './pooled-attempt.ts';
import type { InFlight, PoolState } from './pools.ts';
import { type RequestHead, requestIdOf } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';
import { Tally } from './tally.ts';
import { gatheredBytes, giveBackBody, Upload, type UploadFault, type UploadLimits } from './upload.ts';

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

/** One request and its answer: from the claim of a pool to the last byte, over as many attempts as its nature allows. */
export class Exchange implements InFlight, AttemptSink {
  readonly #context: ProxyContext;
  readonly #req: ClientRequest;
  readonly #res: ClientAnswer;
  readonly #head: RequestHead;
  readonly #placement: Placement;
  readonly #tally: Tally;
  readonly #delivery: Delivery;
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
  #settled = false;
  #upload: Upload | undefined;
  #gathered: Buffer | null = null;

  constructor(context: ProxyContext, req: ClientRequest, res: ClientAnswer, head: RequestHead, placement: Placement) {
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
    this.#tally = new Tally(placement.counter, context.counters);
    this.#delivery = new Delivery(req, res, this);
    res.on('close', () => this.#clientGone());
    if (!bodiless) {
      this.#upload = new Upload(req, this.#uploadLimits(), context.uploads, (fault) => this.#uploadFault(fault));
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

  get settled(): boolean {
    return this.#settled;
  }

  resume(): void {
    this.#attempt?.resume();
  }

  finish(): void {
    this.#attempt?.abort();
    this.#settle();
  }

  onInformation(status: number, statusText: string, head: ResponseHead): void {
    this.#delivery.information(status, statusText, head);
  }

  onHead(status: number, statusText: string, head: ResponseHead): void {
    const { rescue, cookie, edge } = this.#placement;
    if (this.#tally.answered(status) && status >= 500) {
      this.#tally.error();
      if (rescue && this.#repeatable) {
        this.#attempt?.abort();
        this.#rescueBy(rescue.pool);
        return;
      }
    }
    if (cookie !== undefined) head.forward.push('set-cookie', cookie);
    if (edge) addMissing(head.forward, edge.headers);
    if (this.#context.finishing) head.forward.push('connection', 'close');
    if (this.#delivery.head(status, statusText, head)) return;
    this.#attempt?.abort();
    this.#tally.error();
    this.#fail(answers.reset);
  }

  onChunk(chunk: Buffer): boolean {
    return this.#delivery.chunk(chunk);
  }

  onEnd(trailers: readonly string[]): void {
    this.#delivery.end(trailers);
    if (this.#gathered && this.#attempt?.flushed) giveBackBody(this.#gathered);
    this.#settle();
  }

  onFailure(failure: Failure): void {
    const { endpoint } = this.#attempt as Attempt;
    if (this.#settled) return;
    const stale = failure.reused && failure.kind === 'reset';
    if (!stale && !this.#waited) endpoint.failed();
    if (this.#delivery.begun) {
      this.#tally.error();
      this.#tally.dropped();
      this.#delivery.destroy();
      this.#settle();
      return;
    }
    const mayRepeat = this.#repeatable || !failure.sent;
    if (stale && this.#repeatable && this.#attempts < mostAttempts) {
      this.#tally.resent();
      this.#try(true);
      return;
    }
    this.#tally.error();
    const { rescue } = this.#placement;
    if (rescue && !this.#rescuing && this.#repeatable) {
      this.#rescueBy(rescue.pool);
      return;
    }
    this.#tried.push(endpoint);
    const others = this.#pool.endpoints.some((other) => !this.#tried.includes(other));
    if (mayRepeat && others && failure.kind !== 'timeout' && this.#attempts < mostAttempts) {
      this.#tally.resent();
      this.#try();
      return;
    }
    if (failure.kind === 'refused' && this.#mayWait(endpoint)) {
      if (!this.#waited) this.#tally.resent();
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
    if (!this.#delivery.begun) {
      this.#attempt?.abort();
      this.#fail(answers.deadline);
    } else if (!this.#delivery.cut()) {
      this.#attempt?.abort();
      this.#tally.dropped();
      this.#delivery.destroy();
      this.#settle();
    }
  }

  /** The release that was asked failed; another one answers, the first keeps the blame. */
  #rescueBy(pool: PoolState): void {
    this.#tally.rescued();
    this.#rescuing = true;
    this.#pool.release(this);
    this.#pool = pool;
    pool.claim(this);
    this.#tried = [];
    this.#attempts = 0;
    this.#try();
  }

  #fail(answer: OwnAnswer): void {
    this.#tally.dropped();
    const close = this.#upload !== undefined || this.#context.finishing;
    answerOurselves(this.#res, close ? { ...answer, close } : answer, {
      accept: this.#head.accept,
      requestId: requestIdOf(this.#head),
    });
    this.#settle();
  }

  #uploadLimits(): UploadLimits {
    const { limits } = this.#context;
    const { edge } = this.#placement;
    return {
      maxBytes: bodyLimitOf(edge, this.#req.url ?? '/', limits.maxBodyBytes),
      idleTimeoutMs: edge?.bodyTimeoutMs ?? limits.bodyIdleTimeoutMs,
    };
  }

  #uploadFault(fault: UploadFault): void {
    if (this.#settled) return;
    this.#attempt?.abort();
    const answer = fault === 'too-large' ? tooLarge(this.#uploadLimits().maxBytes) : bodyTooSlow;
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
    this.#tally.ended();
  }
}
