import type { ProxyContext } from '../context.ts';
import type { OwnAnswer } from '../pages.ts';
import type { Placement } from '../placement.ts';
import type { Caller, RequestHead } from '../request-head.ts';
import { clientOf } from './client.ts';
import { bodyLimitOf } from './rules.ts';

export interface Applicant {
  readonly head: RequestHead;
  /** As the client spelled it. */
  readonly target: string;
  readonly caller: Caller;
}

/** A body of this size is read to its end, so that its connection can go on; a larger one ends it. */
const spareableBytes = 64 * 1024;

/**
 * Whether a request that has been placed may go on: its body is announced no larger than allowed, and its client has not asked too often.
 * Candidate requests and those on release-local links are nobody's load test.
 */
export function refusalOf(context: ProxyContext, placement: Placement, applicant: Applicant): OwnAnswer | undefined {
  const { edge, counter } = placement;
  const { head, target, caller } = applicant;
  if (head.contentLength > 0) {
    const most = bodyLimitOf(edge, target, context.limits.maxBodyBytes);
    if (head.contentLength > most) return tooLarge(most);
  }
  if (!edge || !counter || edge.rates.length === 0) return undefined;
  const wait = context.rates.take(edge.rates, clientOf(caller.client), target);
  if (wait === 0) return undefined;
  counter.limited += 1;
  if (head.forwardedFor !== undefined && !caller.trusted) warnOfProxy(caller.peer);
  return tooOften(Math.ceil(wait / 1_000), head.transferEncoding !== undefined || head.contentLength > spareableBytes);
}

/** Minutes apart at least. */
const warnEveryMs = 60_000;
let warnedAt = Number.NEGATIVE_INFINITY;

/** Behind a proxy that is not trusted all clients are one: whoever runs it has to hear of it. */
function warnOfProxy(peer: string): void {
  if (performance.now() - warnedAt < warnEveryMs) return;
  warnedAt = performance.now();
  process.stderr.write(
    `requests from ${peer} are refused for coming too often, and say that they come for others (X-Forwarded-For): if it is a proxy of yours, add it to SIGNALBOX_TRUSTED_PROXIES\n`,
  );
}

export const tooLarge = (most: number): OwnAnswer => ({
  status: 413,
  code: 'BODY_TOO_LARGE',
  detail: `The request body is larger than is accepted here (${sizeText(most)}).`,
  close: true,
});

const tooOften = (seconds: number, close: boolean): OwnAnswer => ({
  status: 429,
  code: 'RATE_LIMITED',
  detail: `Too many requests have come from this address. Please try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
  retryAfterSeconds: seconds,
  ...(close ? { close } : {}),
});

function sizeText(bytes: number): string {
  for (const [unit, size] of units) if (bytes >= size && bytes % size === 0) return `${bytes / size} ${unit}`;
  return `${bytes} bytes`;
}
const units = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
] as const;
