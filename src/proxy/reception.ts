import type { ClientAnswer, ClientRequest } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import { refusalOf } from './edge/admission.ts';
import { addressOf, clientAddress, withoutMapping } from './edge/client.ts';
import { Exchange } from './exchange.ts';
import { normalHost } from './hosts.ts';
import { answerOurselves, type OwnAnswer } from './pages.ts';
import { type Placed, type Placement, place, placeLink } from './placement.ts';
import type { InheritedListener } from './protocol.ts';
import { addForwarding, type Caller, type RequestHead, requestIdOf } from './request-head.ts';
import { serveStatic } from './static-exchange.ts';
import { challengePath } from './tls/challenges.ts';
import { redirectOf, secured } from './tls/redirect.ts';

/** What becomes of the sound requests of one listener, whatever version of HTTP they came in. */
export class Reception {
  readonly #context: ProxyContext;
  /** Slot of a link; -1 for public listeners. */
  readonly #slot: number;
  readonly #proto: 'http' | 'https';

  constructor(context: ProxyContext, { name }: Pick<InheritedListener, 'name'>) {
    this.#context = context;
    this.#slot = name.startsWith('link-') ? Number(name.slice('link-'.length)) : -1;
    this.#proto = name === 'https' ? 'https' : 'http';
  }

  /** Sees to the answer; @param peer address of the client's end of the connection. */
  receive(req: ClientRequest, res: ClientAnswer, head: RequestHead, peer: string): void {
    if (this.#challenge(req, res, head)) return;
    const placed = this.place(req, head);
    if ('go' in placed) {
      const caller = this.callerOf(head, peer);
      const refusal = this.#elsewhere(req, head, placed.go, caller) ?? this.admit(req, head, placed.go, caller);
      if (refusal) {
        this.#answer(res, head, refusal);
        return;
      }
      this.#carry(req, res, { head, placement: placed.go, caller });
    } else if ('answer' in placed) {
      this.#answer(res, head, placed.answer);
    } else {
      const entered = this.#context.holds.enter(placed.wait.queue, res, {
        resume: () => this.receive(req, res, head, peer),
        expire: () => this.#answer(res, head, heldTooLong),
      });
      if (!entered) this.#answer(res, head, queueFull);
    }
  }

  place(req: ClientRequest, head: RequestHead): Placed {
    const target = req.url ?? '/';
    if (this.#slot !== -1) return placeLink(this.#context, this.#slot, target);
    const placed = place(this.#context, head, target);
    return this.#proto === 'https' ? secured(this.#context, placed, head.host) : placed;
  }

  /** Tells the instance who asks. */
  introduce(head: RequestHead, placement: Placement, caller: Caller): void {
    const { peer, trusted, client } = caller;
    addForwarding(head, { peer, trusted, client, proto: this.#proto, prefix: placement.prefix });
  }

  /** Who asks; @param address of the client's end of the connection. */
  callerOf(head: RequestHead, address: string): Caller {
    const peer = withoutMapping(address);
    if (this.#slot !== -1) return { peer, trusted: true, client: head.realIp ?? peer };
    const { trusted } = this.#context;
    if (!trusted.includes(peer)) return { peer, trusted: false, client: peer };
    const client =
      head.forwardedFor === undefined ? (addressOf(head.realIp ?? '') ?? peer) : clientAddress(peer, head.forwardedFor, trusted);
    return { peer, trusted: true, client };
  }

  /** Why a request that has been placed does not go on. */
  admit(req: ClientRequest, head: RequestHead, placement: Placement, caller: Caller): OwnAnswer | undefined {
    return refusalOf(this.#context, placement, { head, target: req.url ?? '/', caller });
  }

  /** Why a request that is sound is not served here. */
  refusal(req: ClientRequest): OwnAnswer | undefined {
    if (req.method === 'TRACE' || req.url === '*') return notAllowed;
    if ((req.url?.length ?? 0) > this.#context.limits.maxTargetBytes) return targetTooLong;
    return undefined;
  }

  /** Sent to HTTPS, unless it has come by it to somebody in front of us; candidates and our own checks are left alone. */
  #elsewhere(req: ClientRequest, head: RequestHead, { edge, counter }: Placement, caller: Caller): OwnAnswer | undefined {
    if (this.#proto === 'https' || !edge?.redirect || !counter || head.candidate !== undefined) return undefined;
    if (caller.trusted && head.forwardedProto?.toLowerCase() === 'https') return undefined;
    return redirectOf(this.#context, head.host ?? '', req.url ?? '/');
  }

  /** A certificate authority wants to see that this machine answers for the host. */
  #challenge(req: ClientRequest, res: ClientAnswer, head: RequestHead): boolean {
    const { challenges } = this.#context;
    if (challenges === undefined || this.#slot !== -1 || req.url?.startsWith(challengePath) !== true) return false;
    const answer = challenges.answer(normalHost(head.host ?? '') ?? '', req.url.slice(challengePath.length));
    if (answer === undefined) return false;
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' }).end(answer);
    return true;
  }

  #carry(
    req: ClientRequest,
    res: ClientAnswer,
    { head, placement, caller }: { readonly head: RequestHead; readonly placement: Placement; readonly caller: Caller },
  ): void {
    if (placement.pool.site) {
      serveStatic(this.#context, { req, res, head, placement, site: placement.pool.site });
      return;
    }
    this.introduce(head, placement, caller);
    new Exchange(this.#context, req, res, head, placement).start();
  }

  #answer(res: ClientAnswer, head: RequestHead, answer: OwnAnswer): void {
    const { finishing, limits } = this.#context;
    const close = finishing || head.contentLength > limits.maxBodyBytes;
    answerOurselves(res, close ? { ...answer, close } : answer, {
      accept: head.accept,
      requestId: requestIdOf(head),
    });
  }
}

export const notAllowed: OwnAnswer = {
  status: 405,
  code: 'METHOD_NOT_ALLOWED',
  detail: 'This method is not served here.',
  close: true,
};
const targetTooLong: OwnAnswer = {
  status: 414,
  code: 'TARGET_TOO_LONG',
  detail: 'The address is longer than this installation accepts.',
  close: true,
};
export const headersTooLarge: OwnAnswer = {
  status: 431,
  code: 'HEADERS_TOO_LARGE',
  detail: 'The request headers are larger than this installation accepts.',
};
export const heldTooLong: OwnAnswer = {
  status: 503,
  code: 'HELD_TOO_LONG',
  detail: 'The app is paused for a moment. Please try again.',
  retryAfterSeconds: 5,
};
const queueFull: OwnAnswer = {
  status: 503,
  code: 'HOLD_QUEUE_FULL',
  detail: 'The app is paused for a moment and too many requests wait already.',
  retryAfterSeconds: 5,
};
