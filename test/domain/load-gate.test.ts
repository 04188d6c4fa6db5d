import { describe, expect, it } from 'vitest';
import { defaultPairs, judgeLoad, leastPairs, type LoadPair, type LoadRound } from '../../src/domain/load-gate.ts';

const round = (more: Partial<LoadRound> = {}): LoadRound => ({
  requests: 1000,
  errors: 0,
  p50Ms: 10,
  p99Ms: 40,
  late: 0,
  ...more,
});

/** The same numbers in every run. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A machine whose speed wanders and that now and then does something else for a round. */
function simulate(slower: number, seed: number, count = defaultPairs): LoadPair[] {
  const random = chance(seed);
  const bell = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const one = (machine: number, factor: number): LoadRound => {
    const busy = random() < 0.05 ? 1.5 : 1;
    const errors = random() < 0.02 ? 2 : 0;
    return round({
      p50Ms: 10 * machine * busy * factor * Math.exp(0.06 * bell()),
      p99Ms: 40 * machine * busy * factor * Math.exp(0.15 * bell()),
      errors,
    });
  };
  return Array.from({ length: count }, () => {
    const machine = Math.exp(0.3 * bell());
    return { baseline: one(machine, 1), candidate: one(machine, slower) };
  });
}

const shareOf = (slower: number, runs: number, seed: number): number =>
  Array.from({ length: runs }, (_, run) => judgeLoad(simulate(slower, seed + run)).verdict).filter(
    (verdict) => verdict === 'regression',
  ).length / runs;

describe('the comparison of load', () => {
  it('is insufficient, and never a pass, without enough rounds, requests, punctuality or baseline', () => {
    const pairs = simulate(1, 1);
    expect(judgeLoad([])).toMatchObject({
      verdict: 'insufficient',
      says: [`A verdict needs ${leastPairs()} pairs of rounds, and there are 0.`],
    });
    expect(judgeLoad(pairs.slice(0, leastPairs() - 1)).verdict).toBe('insufficient');
    const all = (more: Partial<LoadRound>): LoadPair[] => pairs.map(() => ({ baseline: round(more), candidate: round() }));
    expect(judgeLoad(all({ requests: 150 })).says[0]).toContain('needs 200 requests, and one has 150');
    expect(judgeLoad(all({ late: 11 })).says[0]).toContain('1.1 % of the requests were sent too late');
    expect(judgeLoad(all({ errors: 500 })).says[0]).toContain('The baseline itself fails');
  });

  it('raises a false alarm in at most 1 % of comparisons of a release with itself', () => {
    expect(shareOf(1, 1500, 10_000)).toBeLessThanOrEqual(0.01);
  });

  it('finds a release that is 30 % slower in at least 95 % of comparisons', () => {
    expect(shareOf(1.3, 600, 50_000)).toBeGreaterThanOrEqual(0.95);
  });

  it('finds errors that the baseline does not have', () => {
    const pairs = simulate(1, 3).map(({ baseline, candidate }) => ({ baseline, candidate: { ...candidate, errors: 20 } }));
    expect(judgeLoad(pairs)).toMatchObject({ verdict: 'regression' });
    expect(judgeLoad(pairs).says[0]).toContain('The error rate is higher by');
  });

  it('lets through what is certain and too small to matter, and what is faster', () => {
    const steady = (factor: number): LoadPair[] =>
      Array.from({ length: 12 }, () => ({ baseline: round(), candidate: round({ p50Ms: 10 * factor, p99Ms: 40 * factor }) }));
    expect(judgeLoad(steady(1.05)).verdict).toBe('pass');
    expect(judgeLoad(steady(0.5)).verdict).toBe('pass');
    expect(judgeLoad(steady(1)).comparisons.every(({ probability }) => probability === 1)).toBe(true);
    expect(judgeLoad(steady(1.2))).toMatchObject({ verdict: 'regression', comparisons: [{ probability: 1 / 4096 }, {}, {}] });
  });
});
