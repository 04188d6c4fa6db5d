import { type Counts, firstThreeFailed, percent, rateOf, trialsOf } from './gate.ts';
import { areCounts, requireCounts } from './sequential-test.ts';
import type { GateSpec } from './spec.ts';

/**
 * The error watch over a bake: finds a regression too small for a gate (3 % where at most 1 % is normal) as well as a release
 * that dies, and looks as often as it likes.
 *
 * The evidence is a mixture of likelihood ratios against p0, over how bad the release is (`oddsFactors`) and over the request
 * from which on it is bad. While the true rate is at most p0 its expectation never exceeds 1, so by Ville's inequality it ever
 * reaches 1/alpha with a probability of at most alpha: a bound over the whole bake, whatever its length and batches.
 * Source: J. Ville, "Étude critique de la notion de collectif" (1939), ch. V; the mixture over the moment of change follows
 * A. N. Shiryaev, "On optimum methods in quickest detection problems", Theory Probab. Appl. 8 (1963), 22-46.
 */
export interface BakeWatch {
  /** Failure rate held to be normal: the old release's own before the switch, at least the spec's floor. */
  readonly p0: number;
  /** Probability of a false alarm over the whole bake; the gates before it spend as much again between them. */
  readonly alpha: number;
  readonly seen: Counts;
  /** One per factor of `oddsFactors`, in that order. */
  readonly suspicions: readonly Suspicion[];
  /** Why the bake failed, once it has; null: it has not. */
  readonly failed: string | null;
}

/** One degree of badness: its evidence, and the stretch of requests in which it would have begun. */
interface Suspicion {
  /** Nats. Null: no request seen. */
  readonly evidence: number | null;
  readonly stretch: Counts;
}

/** Odds of failure relative to normal; at a normal 1 % these are rates of 3 %, 11 %, 29 % and 90 %. None can reach 100 %. */
const oddsFactors = [3, 12, 40, 900] as const;

/** `baseline`: what the old release answered before the switch. Throws RangeError when it is no count. */
export function openBakeWatch(input: { spec: GateSpec; baseline: Counts }): BakeWatch {
  const { spec, baseline } = input;
  requireCounts(trialsOf(baseline));
  const p0 = Math.max(spec.p0Floor, rateOf(baseline));
  const nothing = { requests: 0, errors: 0 };
  const suspicions = oddsFactors.map((): Suspicion => ({ evidence: null, stretch: nothing }));
  return { p0, alpha: spec.alpha, seen: nothing, suspicions, failed: null };
}

/**
 * Adds what was counted since the last call (increments, not totals). Once failed, nothing more is counted. Counts that cannot
 * be (more errors than requests) are our own fault and leave the watch as it was.
 */
export function observeBake(watch: BakeWatch, batch: Counts): BakeWatch {
  if (watch.failed !== null || batch.requests === 0 || !areCounts(trialsOf(batch))) return watch;
  const seen = add(watch.seen, batch);
  const newlySuspect = Math.log((unsuspected(watch.seen.requests) - unsuspected(seen.requests)) / oddsFactors.length);
  const suspicions = oddsFactors.map((factor, i) => {
    const before = watch.suspicions[i] ?? { evidence: null, stretch: batch };
    const began = before.evidence === null || newlySuspect > before.evidence;
    const prior = before.evidence === null ? newlySuspect : logSum([before.evidence, newlySuspect]);
    return {
      evidence: prior + evidenceOf(batch, { p0: watch.p0, factor }),
      stretch: began ? batch : add(before.stretch, batch),
    };
  });
  const guilty = firstThreeFailed(trialsOf(seen), watch) || evidenceOfAll({ seen, suspicions }) >= 1 / watch.alpha;
  return { ...watch, seen, suspicions, failed: guilty ? reasonFor({ seen, suspicions, p0: watch.p0 }) : null };
}

export type BakeVerdict = { readonly kind: 'ok' } | { readonly kind: 'fail'; readonly reason: string };

export const bakeVerdict = (watch: BakeWatch): BakeVerdict =>
  watch.failed === null ? { kind: 'ok' } : { kind: 'fail', reason: watch.failed };

/** What the verdict rests on: how many times likelier the bake is under "something is wrong" than under "all is normal". */
export interface BakeExplanation {
  readonly p0: number;
  readonly alpha: number;
  readonly requests: number;
  readonly errors: number;
  /** A plain ratio, 1 at the start; numbers beyond 1e15 are shown as that. */
  readonly evidence: number;
  /** The ratio that fails the bake, 1/alpha. */
  readonly failAt: number;
  readonly verdict: BakeVerdict;
}

export function explainBake(watch: BakeWatch): BakeExplanation {
  const { p0, alpha, seen } = watch;
  const evidence = Math.min(1e15, evidenceOfAll(watch));
  return { p0, alpha, ...seen, evidence, failAt: 1 / alpha, verdict: bakeVerdict(watch) };
}

/**
 * Share of belief left for "it goes bad later", after so many requests: half of it goes to the first few, and the rest so slowly
 * that a release which dies after a thousand good requests is still found within five.
 */
const unsuspected = (requests: number): number => 1 / (1 + Math.log1p(requests));

/** Log likelihood ratio of a batch, in nats, for odds of failure `factor` times those of p0. */
function evidenceOf(batch: Counts, against: { p0: number; factor: number }): number {
  const { p0, factor } = against;
  return batch.errors * Math.log(factor) - batch.requests * Math.log1p(p0 * (factor - 1));
}

/** Names the stretch of requests that convicts: all of them, or the last ones when the release went bad on the way. */
function reasonFor(found: { seen: Counts; suspicions: readonly { evidence: number; stretch: Counts }[]; p0: number }): string {
  const { seen, suspicions, p0 } = found;
  const worst = suspicions.reduce((a, b) => (b.evidence > a.evidence ? b : a));
  const { requests, errors } = worst.stretch;
  const which = requests === seen.requests ? `${requests} requests` : `the last ${requests} requests`;
  return `${errors} of ${which} failed (${percent(errors / requests)}), normal is at most ${percent(p0)}`;
}

const add = (a: Counts, b: Counts): Counts => ({ requests: a.requests + b.requests, errors: a.errors + b.errors });

function evidenceOfAll({ seen, suspicions }: Pick<BakeWatch, 'seen' | 'suspicions'>): number {
  return suspicions.reduce((sum, s) => sum + (s.evidence === null ? 0 : Math.exp(s.evidence)), unsuspected(seen.requests));
}

/** ln(sum of e^x), without overflow. */
function logSum(logs: readonly number[]): number {
  const top = Math.max(...logs);
  return top + Math.log(logs.reduce((sum, x) => sum + Math.exp(x - top), 0));
}
