/** What one round of load on one release came to. */
export interface LoadRound {
  readonly requests: number;
  /** Refused, reset, timed out, or answered with 5xx. */
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests that were sent later than intended because the generator itself was held up. */
  readonly late: number;
}

/** Two rounds one right after the other, of the same load: the machine was the same for both. */
export interface LoadPair {
  readonly baseline: LoadRound;
  readonly candidate: LoadRound;
}

/**
 * The rule, in full. For p50, p99 and the error rate apart: over the pairs, the logarithm of candidate / baseline (for errors the
 * difference of the rates). If both releases are alike, each of these is as likely to have the other sign; so of all 2^n ways to set
 * the signs, the share whose mean is at least the one seen is the exact probability of seeing it by chance (a permutation test by sign
 * flips: R. A. Fisher, The Design of Experiments, 1935, chapter 3). A regression needs a probability of at most `alpha` / 3, since three
 * things are looked at, and a mean beyond the tolerance. Nothing is assumed of the shape of latencies.
 */
export interface LoadRule {
  /** Probability of a false alarm over all three; default 0.01. */
  readonly alpha: number;
  /** Share by which p50 or p99 may grow, in the geometric mean; default 0.1. */
  readonly tolerance: number;
  /** Points by which the error rate may grow, 0 to 1; default 0.002. */
  readonly errorTolerance: number;
  /** Requests of a round below which it says nothing of p99; default 200. */
  readonly leastRequests: number;
}

export const defaultLoadRule: LoadRule = { alpha: 0.01, tolerance: 0.1, errorTolerance: 0.002, leastRequests: 200 };

/** Pairs that find a release that is 30 % slower in more than 95 % of comparisons on a noisy machine; see the test. */
export const defaultPairs = 14;
/** More than that are not needed, and their signs could not be tried out. */
const mostPairs = 16;
/** Share of late requests beyond which the generator and not the app was measured. */
const mostLate = 0.01;

export interface LoadComparison {
  readonly metric: 'p50' | 'p99' | 'errors';
  /** Candidate / baseline, geometric mean; for errors the mean difference of the rates. */
  readonly change: number;
  /** Of such a change or a larger one by chance. */
  readonly probability: number;
  readonly regression: boolean;
}

export interface LoadVerdict {
  readonly verdict: 'pass' | 'regression' | 'insufficient';
  readonly comparisons: readonly LoadComparison[];
  /** Sentences for people. */
  readonly says: readonly string[];
}

/** Pairs that a verdict needs: with fewer not even the clearest change is beyond chance. */
export const leastPairs = ({ alpha }: Pick<LoadRule, 'alpha'> = defaultLoadRule): number => Math.ceil(Math.log2(3 / alpha));

/** Pure. Only the first 16 pairs count. */
export function judgeLoad(given: readonly LoadPair[], rule: LoadRule = defaultLoadRule): LoadVerdict {
  const pairs = given.slice(0, mostPairs);
  const lacks = lackOf(pairs, rule);
  if (lacks !== undefined) return { verdict: 'insufficient', comparisons: [], says: [lacks] };
  const compare = (metric: LoadComparison['metric'], values: readonly number[], limit: number): LoadComparison => {
    const mean = values.reduce((all, value) => all + value, 0) / values.length;
    const probability = signFlip(values);
    return {
      metric,
      change: metric === 'errors' ? mean : Math.exp(mean),
      probability,
      regression: mean > limit && probability <= rule.alpha / 3,
    };
  };
  const ratio = (of: (round: LoadRound) => number): number[] =>
    pairs.map(({ baseline, candidate }) => Math.log(Math.max(of(candidate), 1e-3) / Math.max(of(baseline), 1e-3)));
  const comparisons = [
    compare(
      'p50',
      ratio(({ p50Ms }) => p50Ms),
      Math.log(1 + rule.tolerance),
    ),
    compare(
      'p99',
      ratio(({ p99Ms }) => p99Ms),
      Math.log(1 + rule.tolerance),
    ),
    compare(
      'errors',
      pairs.map(({ baseline, candidate }) => rateOf(candidate) - rateOf(baseline)),
      rule.errorTolerance,
    ),
  ];
  const found = comparisons.filter(({ regression }) => regression);
  return { verdict: found.length > 0 ? 'regression' : 'pass', comparisons, says: found.map(sentence) };
}

const rateOf = ({ errors, requests }: LoadRound): number => errors / requests;

function lackOf(pairs: readonly LoadPair[], rule: LoadRule): string | undefined {
  const least = leastPairs(rule);
  if (pairs.length < least) return `A verdict needs ${least} pairs of rounds, and there are ${pairs.length}.`;
  const rounds = pairs.flatMap(({ baseline, candidate }) => [baseline, candidate]);
  const smallest = Math.min(...rounds.map(({ requests }) => requests));
  if (smallest < rule.leastRequests) return `A round needs ${rule.leastRequests} requests, and one has ${smallest}.`;
  const late = Math.max(...rounds.map((round) => round.late / round.requests));
  if (late > mostLate)
    return `In a round ${(late * 100).toFixed(1)} % of the requests were sent too late: the generator was held up, and not the app measured.`;
  // Where nobody answers there is nothing to compare with.
  if (pairs.every(({ baseline }) => baseline.errors * 2 >= baseline.requests))
    return 'The baseline itself fails at least half of its requests.';
  return undefined;
}

/** Share of all settings of the signs whose sum is at least the one seen. Each setting differs from the last in one sign. */
function signFlip(values: readonly number[]): number {
  const signs = values.map(() => 1);
  let sum = values.reduce((all, value) => all + value, 0);
  const seen = sum - 1e-9 * values.reduce((all, value) => all + Math.abs(value), 1e-12);
  const all = 2 ** values.length;
  let count = 1;
  for (let step = 1; step < all; step += 1) {
    const place = 31 - Math.clz32(step & -step);
    const sign = signs[place] ?? 1;
    sum -= 2 * sign * (values[place] ?? 0);
    signs[place] = -sign;
    if (sum >= seen) count += 1;
  }
  return count / all;
}

function sentence({ metric, change, probability }: LoadComparison): string {
  const chance = `by chance in ${(probability * 100).toFixed(2)} % of all cases`;
  if (metric === 'errors') return `The error rate is higher by ${(change * 100).toFixed(2)} points (${chance}).`;
  return `${metric} is ${((change - 1) * 100).toFixed(0)} % higher than the baseline's (${chance}).`;
}
