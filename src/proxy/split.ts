import { timingSafeEqual } from 'node:crypto';
import type { BoundSplit } from './table.ts';

const cookieName = 'signalbox-split=';
/** Basis points: a client's bucket is 0..9999. */
export const buckets = 10_000;

/** The bucket that a Cookie header carries; -1 when there is none that we could have set. */
export function bucketOfCookie(header: string | undefined): number {
  if (header === undefined) return -1;
  let at = header.indexOf(cookieName);
  while (at > 0 && header[at - 1] !== ' ' && header[at - 1] !== ';') at = header.indexOf(cookieName, at + 1);
  if (at === -1) return -1;
  const from = at + cookieName.length;
  let bucket = 0;
  let end = from;
  for (; end < header.length; end += 1) {
    const code = header.charCodeAt(end);
    if (code === 59) break;
    if (code < 48 || code > 57) return -1;
    bucket = bucket * 10 + code - 48;
  }
  return end > from && end - from <= 4 && bucket < buckets ? bucket : -1;
}

export function drawBucket(): number {
  return (Math.random() * buckets) | 0;
}

export function splitCookie(bucket: number): string {
  return `${cookieName}${bucket}; Path=/; HttpOnly; SameSite=Lax`;
}

/** The arm of a bucket while more than one arm has weight. */
export function armOfBucket(split: BoundSplit, bucket: number): number {
  let chosen = split.stable;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [index, arm] of split.arms.entries()) {
    if (bucket < arm.upTo && arm.upTo < lowest) {
      chosen = index;
      lowest = arm.upTo;
    }
  }
  return chosen;
}

/** What stands for a release in a candidate header that asks for the public route as everybody has it. */
const everybody = '*';

/** A candidate header that asks for the public route: by our own checks, which are not sent elsewhere. */
export const asksForPublic = (header: string): boolean => header.startsWith(`${everybody}:`);

/** Whether a candidate header carries the split's token. Compared in constant time, whatever the lengths. */
export function carriesToken(split: BoundSplit, header: string): boolean {
  const given = Buffer.from(header.slice(header.lastIndexOf(':') + 1));
  const expected = Buffer.from(split.candidateToken);
  const padded = Buffer.alloc(expected.length);
  given.copy(padded);
  return timingSafeEqual(padded, expected) && given.length === expected.length && expected.length > 0;
}

/**
 * The arm that a candidate header `<release>:<token>` asks for; -1 when the release or the token is wrong. Compared in
 * constant time, whatever the lengths.
 */
export function armOfCandidate(split: BoundSplit, header: string): number {
  const same = carriesToken(split, header);
  const release = header.slice(0, Math.max(header.lastIndexOf(':'), 0));
  const arm = split.arms.findIndex((candidate) => candidate.release === release);
  return same ? arm : -1;
}
