import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acceptBound,
  logLikelihoodRatio,
  moreNeeded,
  observe,
  openTest,
  rejectBound,
  type SequentialTest,
  verdictOf,
} from '../../src/domain/sequential-test.ts';

const onePercent = openTest({ p0: 0.01, p1: 0.2, alpha: 0.005, beta: 0.05 });
const rates = fc
  .tuple(fc.double({ min: 0.001, max: 0.2, noNaN: true }), fc.double({ min: 2, max: 4.5, noNaN: true }))
  .map(([p0, factor]) => ({ p0, p1: p0 * factor, alpha: 0.005, beta: 0.05 }));
const outcomes = fc.array(fc.boolean(), { maxLength: 60 });

function feed(test: SequentialTest, failed: readonly boolean[]): SequentialTest {
  return failed.reduce((t, f) => observe(t, { trials: 1, failures: f ? 1 : 0 }), test);
}

describe('the sequential test at a normal rate of 1 %', () => {
  it('accepts after exactly 15 clean requests', () => {
    expect(verdictOf(observe(onePercent, { trials: 14, failures: 0 }))).toBe('undecided');
    expect(verdictOf(observe(onePercent, { trials: 15, failures: 0 }))).toBe('accept');
    expect(moreNeeded(onePercent)).toBe(15);
  });

  it.each([2, 3, 4, 5])('rejects 2 failures among the first %i', (trials) => {
    expect(verdictOf(observe(onePercent, { trials, failures: 2 }))).toBe('reject');
  });

  it('does not reject on one failure, nor on 2 of 6', () => {
    expect(verdictOf(observe(onePercent, { trials: 1, failures: 1 }))).toBe('undecided');
    expect(verdictOf(observe(onePercent, { trials: 6, failures: 2 }))).toBe('undecided');
  });

  it("uses Wald's bounds", () => {
    expect(rejectBound(onePercent)).toBeCloseTo(Math.log(190), 12);
    expect(acceptBound(onePercent)).toBeCloseTo(Math.log(0.05 / 0.995), 12);
    expect(logLikelihoodRatio(onePercent, { trials: 1, failures: 1 })).toBeCloseTo(Math.log(20), 12);
  });
});

describe('the real error rates, summed over every way a test can go', () => {
  /** Probability of each ending when every trial fails with probability `rate`; nothing is left after 5,000 trials. */
  function endings(test: SequentialTest, rate: number): { accept: number; reject: number; trials: number } {
    const sum = { accept: 0, reject: 0, trials: 0 };
    let open = new Map([[0, 1]]);
    for (let trials = 1; trials <= 5000 && open.size > 0; trials += 1) {
      const next = new Map<number, number>();
      for (const [k, share] of open) {
        sum.trials += share;
        for (const failures of [k, k + 1]) {
          const reached = share * (failures === k ? 1 - rate : rate);
          const verdict = verdictOf(observe(test, { trials, failures }));
          if (verdict !== 'undecided') sum[verdict] += reached;
          else if (reached > 1e-15) next.set(failures, (next.get(failures) ?? 0) + reached);
        }
      }
      open = next;
    }
    return sum;
  }

  it.each([0.005, 0.0025, 0.001])('stay within alpha %s and beta 5 %% at a normal rate of 1 %%', (alpha) => {
    const test = openTest({ p0: 0.01, p1: 0.2, alpha, beta: 0.05 });
    const healthy = endings(test, 0.01);
    expect(healthy.reject).toBeLessThanOrEqual(alpha);
    expect(healthy.accept + healthy.reject).toBeCloseTo(1, 9);
    expect(healthy.trials).toBeLessThan(20);
    const broken = endings(test, 0.2);
    expect(broken.accept).toBeLessThanOrEqual(0.05);
    expect(broken.trials).toBeLessThan(20);
  });
});

describe('any sequential test', () => {
  it('gives the same state for any order within a batch and any batches before the decision', () => {
    fc.assert(
      fc.property(rates, outcomes, fc.integer({ min: 0, max: 60 }), (r, failed, cut) => {
        const start = openTest(r);
        fc.pre(verdictOf(feed(start, failed.slice(0, -1))) === 'undecided');
        const at = Math.min(cut, failed.length);
        const batches = [failed.slice(0, at), failed.slice(at)];
        const bulk = batches.reduce((t, b) => observe(t, { trials: b.length, failures: b.filter(Boolean).length }), start);
        const oneByOne = feed(start, failed);
        expect(bulk).toEqual(oneByOne);
      }),
    );
  });

  it('never moves towards accept when one more of the same requests fails', () => {
    const rank = { accept: 0, undecided: 1, reject: 2 };
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 200 }), fc.nat(199), (r, trials, k) => {
        const failures = Math.min(k, trials - 1);
        const fewer = verdictOf(observe(openTest(r), { trials, failures }));
        const more = verdictOf(observe(openTest(r), { trials, failures: failures + 1 }));
        expect(rank[more]).toBeGreaterThanOrEqual(rank[fewer]);
      }),
    );
  });

  it('keeps its verdict and its evidence once decided', () => {
    fc.assert(
      fc.property(rates, outcomes, outcomes, (r, first, then) => {
        const test = feed(openTest(r), first);
        fc.pre(verdictOf(test) !== 'undecided');
        expect(feed(test, then)).toEqual(test);
      }),
    );
  });

  it('asks for exactly as many clean trials as lead to accept', () => {
    fc.assert(
      fc.property(rates, outcomes, (r, failed) => {
        const test = feed(openTest(r), failed);
        fc.pre(verdictOf(test) === 'undecided');
        const more = moreNeeded(test);
        expect(more).toBeGreaterThanOrEqual(1);
        expect(verdictOf(observe(test, { trials: more, failures: 0 }))).toBe('accept');
        if (more > 1) expect(verdictOf(observe(test, { trials: more - 1, failures: 0 }))).toBe('undecided');
      }),
    );
    expect(moreNeeded(observe(onePercent, { trials: 15, failures: 0 }))).toBe(0);
  });

  it('survives being stored as JSON', () => {
    const test = observe(onePercent, { trials: 7, failures: 1 });
    expect(JSON.parse(JSON.stringify(test))).toEqual(test);
  });

  it.each([
    { p0: 0, p1: 0.2, alpha: 0.005, beta: 0.05 },
    { p0: 0.2, p1: 0.2, alpha: 0.005, beta: 0.05 },
    { p0: 0.01, p1: 1, alpha: 0.005, beta: 0.05 },
    { p0: 0.01, p1: 0.2, alpha: 0, beta: 0.05 },
    { p0: 0.01, p1: 0.2, alpha: 0.5, beta: 0.5 },
    { p0: Number.NaN, p1: 0.2, alpha: 0.005, beta: 0.05 },
  ])('refuses rates that make no test: %o', (r) => {
    expect(() => openTest(r)).toThrow(RangeError);
  });

  it.each([
    { trials: 1, failures: 2 },
    { trials: 1, failures: -1 },
    { trials: 0.5, failures: 0 },
    { trials: Number.NaN, failures: 0 },
  ])('refuses what is no count: %o', (batch) => {
    expect(() => observe(onePercent, batch)).toThrow(RangeError);
  });
});
