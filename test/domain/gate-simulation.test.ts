import { describe, expect, it } from 'vitest';
import { bakeVerdict, observeBake, openBakeWatch } from '../../src/domain/bake-watch.ts';
import { gateVerdict, observeGate, openGate } from '../../src/domain/gate.ts';
import { observe, openTest, verdictOf } from '../../src/domain/sequential-test.ts';
import { instant } from '../../src/domain/values.ts';

const spec = { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 };
const runs = 2000;

/** Numbers in 0..1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface World {
  readonly random: () => number;
  readonly rate: number;
  /** Requests per look: 1 to this many. */
  readonly batch: number;
}

function nextBatch({ random, rate, batch }: World): { requests: number; errors: number } {
  const requests = 1 + Math.floor(random() * batch);
  let errors = 0;
  for (let i = 0; i < requests; i += 1) if (random() < rate) errors += 1;
  return { requests, errors };
}

/** The share of `runs` of which `outcome` is true. */
function share(outcome: (random: () => number) => boolean): number {
  const random = seeded(20_261_122);
  let hits = 0;
  for (let i = 0; i < runs; i += 1) if (outcome(random)) hits += 1;
  return hits / runs;
}

/** A share that a fair simulation of `runs` does not exceed when `limit` is true (three standard deviations). */
const atMost = (limit: number): number => limit + 3 * Math.sqrt((limit * (1 - limit)) / runs);

function gateOutcome(world: World, gate: { normal: number; steps: number }): string {
  let state = openGate({ spec, baseline: { requests: 1000, errors: 1000 * gate.normal }, steps: gate.steps });
  for (let second = 0; ; second += 1) {
    const canary = nextBatch(world);
    const stable = nextBatch({ ...world, rate: gate.normal, batch: 9 * world.batch });
    state = observeGate(state, { canary, stable, at: instant(second * 1000), observing: true });
    const { kind } = gateVerdict(state, instant(second * 1000));
    if (kind === 'pass' || kind === 'fail') return kind;
  }
}

describe('the stated error rates hold in simulation', () => {
  it.each([
    { p0: 0.01, p1: 0.2, alpha: 0.05, beta: 0.05 },
    { p0: 0.01, p1: 0.2, alpha: 0.005, beta: 0.05 },
    { p0: 0.05, p1: 0.2, alpha: 0.02, beta: 0.1 },
    { p0: 0.2, p1: 0.8, alpha: 0.005, beta: 0.05 },
  ])('sequential test, p0 $p0, p1 $p1, alpha $alpha, beta $beta', (rates) => {
    const ends = (rate: number, wanted: 'accept' | 'reject'): number =>
      share((random) => {
        let test = openTest(rates);
        while (verdictOf(test) === 'undecided') test = observe(test, { trials: 1, failures: random() < rate ? 1 : 0 });
        return verdictOf(test) === wanted;
      });
    expect(ends(rates.p0, 'reject')).toBeLessThanOrEqual(atMost(rates.alpha / (1 - rates.beta)));
    expect(ends(rates.p1, 'accept')).toBeLessThanOrEqual(atMost(rates.beta / (1 - rates.alpha)));
    expect(ends(rates.p1, 'reject')).toBeGreaterThan(1 - atMost(rates.beta / (1 - rates.alpha)));
  });

  it.each([
    { normal: 0.01, steps: 1, batch: 1 },
    { normal: 0.01, steps: 1, batch: 10 },
    { normal: 0.01, steps: 3, batch: 1 },
    { normal: 0.05, steps: 2, batch: 3 },
    { normal: 0.1, steps: 2, batch: 1 },
  ])('whole rollout of $steps steps at a normal rate of $normal, looks of up to $batch requests', ({ normal, steps, batch }) => {
    const falseAlarm = share((random) =>
      Array.from({ length: steps }, () => gateOutcome({ random, rate: normal, batch }, { normal, steps })).includes('fail'),
    );
    expect(falseAlarm).toBeLessThanOrEqual(atMost(spec.alpha / (1 - spec.beta) + steps * normal ** 3));
  });

  it.each([1, 5])('a release that fails 20 % passes one gate at most 5 % of the time, looks of up to %i requests', (batch) => {
    const passed = share((random) => gateOutcome({ random, rate: 0.2, batch }, { normal: 0.005, steps: 1 }) === 'pass');
    expect(passed).toBeLessThanOrEqual(atMost(spec.beta / (1 - spec.alpha)));
  });

  it('a bake of 2,000 requests at exactly the normal rate raises a false alarm within alpha, looking all the time', () => {
    const falseAlarm = share((random) => {
      let watch = openBakeWatch({ spec, baseline: { requests: 1000, errors: 5 } });
      const world = { random, rate: 0.01, batch: 12 };
      while (watch.seen.requests < 2000 && bakeVerdict(watch).kind === 'ok') watch = observeBake(watch, nextBatch(world));
      return bakeVerdict(watch).kind === 'fail';
    });
    expect(falseAlarm).toBeLessThanOrEqual(atMost(spec.alpha));
  });

  it('a bake finds a regression to 3 % that no gate sees', () => {
    const foundWithin = (requests: number): number =>
      share((random) => {
        let watch = openBakeWatch({ spec, baseline: { requests: 1000, errors: 5 } });
        const world = { random, rate: 0.03, batch: 20 };
        while (watch.seen.requests < requests && bakeVerdict(watch).kind === 'ok') watch = observeBake(watch, nextBatch(world));
        return bakeVerdict(watch).kind === 'fail';
      });
    expect(foundWithin(1000)).toBeGreaterThan(0.75);
    expect(foundWithin(3000)).toBeGreaterThan(0.99);
    const passes = share((random) => gateOutcome({ random, rate: 0.03, batch: 1 }, { normal: 0.005, steps: 1 }) === 'pass');
    expect(passes).toBeGreaterThan(0.9);
  });
});
