import type { ClientAnswer, ClientRequest } from './client-side.ts';
import type { ProxyContext } from './context.ts';
import { Exchange } from './exchange.ts';
import { answerOurselves, type OwnAnswer } from './pages.ts';
import { type Placed, type Placement, place, placeLink } from './placement.ts';
import type { InheritedListener } from './protocol.ts';
import { addForwarding, type RequestHead, requestIdOf } from './request-head.ts';
import { serveStatic } from './static-exchange.ts';

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
    const placed = this.place(req, head);
    if ('go' in placed) {
      this.#carry(req, res, { head, placement: placed.go, peer });
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
    return this.#slot === -1 ? place(this.#context, head, target) : placeLink(this.#context, this.#slot, target);
  }

  /** Tells the instance who asks. */
  introduce(head: RequestHead, placement: Placement, address: string): void {
    const peer = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
    const trusted = this.#slot !== -1 || this.#context.trusted.includes(peer);
    addForwarding(head, { peer, trusted, proto: this.#proto, prefix: placement.prefix });
  }

  /** Why a request that is sound is not served here. */
  refusal(req: ClientRequest, head: RequestHead): OwnAnswer | undefined {
    if (req.method === 'TRACE' || req.url === '*') return notAllowed;
    if (head.contentLength > this.#context.limits.maxBodyBytes) return tooLarge;
    return undefined;
  }

  #carry(
    req: ClientRequest,
    res: ClientAnswer,
    { head, placement, peer }: { readonly head: RequestHead; readonly placement: Placement; readonly peer: string },
  ): void {
    if (placement.pool.site) {
      serveStatic(this.#context, { req, res, head, placement, site: placement.pool.site });
      return;
    }
    this.introduce(head, placement, peer);
    new Exchange(this.#context, req, res, head, placement).start();
  }

  #answer(res: ClientAnswer, head: RequestHead, answer: OwnAnswer): void {
    answerOurselves(res, this.#context.finishing ? { ...answer, close: true } : answer, {
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
const tooLarge: OwnAnswer = {
  status: 413,
  code: 'BODY_TOO_LARGE',
  detail: 'The request body is larger than this installation accepts.',
  close: true,
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
