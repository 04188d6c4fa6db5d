import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Counts,
  explainGate,
  type GateState,
  gateVerdict,
  hardFail,
  observeGate,
  openGate,
  watchedFor,
} from '../../src/domain/gate.ts';
import { type Instant, instant } from '../../src/domain/values.ts';

const spec = { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 };
const quiet: Counts = { requests: 1000, errors: 5 };
const none: Counts = { requests: 0, errors: 0 };
const at = (seconds: number): Instant => instant(seconds * 1000);

function gate(options: { baseline?: Counts; steps?: number } = {}): GateState {
  const open = openGate({ spec, baseline: options.baseline ?? quiet, steps: options.steps ?? 1 });
  return observeGate(open, { canary: none, stable: none, at: at(0), observing: true });
}

function see(state: GateState, seconds: number, canary: Counts, stable: Counts = none): GateState {
  return observeGate(state, { canary, stable, at: at(seconds), observing: true });
}

describe('a gate on small traffic', () => {
  it('passes after 15 clean requests, not after 14', () => {
    expect(gateVerdict(see(gate(), 60, { requests: 14, errors: 0 }), at(60)).kind).toBe('insufficient');
    expect(gateVerdict(see(gate(), 60, { requests: 15, errors: 0 }), at(60))).toEqual({ kind: 'pass' });
  });

  it('fails on 2 failures among the first few, with the numbers in the reason', () => {
    expect(gateVerdict(see(gate(), 60, { requests: 4, errors: 2 }), at(60))).toEqual({
      kind: 'fail',
      reason: '2 of 4 requests failed (50 %), normal is at most 1 %',
    });
  });

  it.each([
    { steps: 1, rate: 0.005 },
    { steps: 5, rate: 0.005 },
    { steps: 2, rate: 0.1 },
  ])('fails when the first three requests all fail while stable serves: $steps steps, normal $rate', ({ steps, rate }) => {
    let state = gate({ steps, baseline: { requests: 1000, errors: 1000 * rate } });
    for (const second of [1, 2, 3]) state = see(state, second, { requests: 1, errors: 1 }, { requests: 9, errors: 0 });
    expect(gateVerdict(state, at(3)).kind).toBe('fail');
  });

  it('says how many more requests it needs, and when they will have come at the rate seen', () => {
    expect(gateVerdict(gate(), at(0))).toEqual({ kind: 'insufficient', needed: 15, etaMs: null });
    const state = see(gate(), 60, { requests: 5, errors: 0 });
    expect(gateVerdict(state, at(60))).toEqual({ kind: 'insufficient', needed: 10, etaMs: 120_000 });
    expect(gateVerdict(state, at(90))).toEqual({ kind: 'insufficient', needed: 10, etaMs: 180_000 });
  });

  it('takes normal from stable when stable is worse than the floor, and broken from four times that', () => {
    const { p0, p1 } = explainGate(gate({ baseline: { requests: 1000, errors: 80 } }), at(0));
    expect(p0).toBeCloseTo(0.08);
    expect(p1).toBeCloseTo(0.32);
    expect(explainGate(gate({ baseline: none }), at(0))).toMatchObject({ p0: 0.01, p1: 0.2 });
  });

  it('holds when stable itself is too noisy to tell, whatever the canary does', () => {
    const state = see(
      gate({ baseline: { requests: 100, errors: 25 } }),
      60,
      { requests: 50, errors: 50 },
      { requests: 50, errors: 10 },
    );
    expect(gateVerdict(state, at(60))).toEqual({ kind: 'insufficient', needed: 25, etaMs: null, reason: 'control too noisy' });
    expect(explainGate(state, at(60))).toMatchObject({ p0: 0.25, p1: 1, llr: null, acceptAt: null, rejectAt: null });
  });

  it('spends alpha over all steps of the rollout', () => {
    expect(explainGate(gate({ steps: 4 }), at(0)).alpha).toBeCloseTo(0.00125, 12);
    expect(gateVerdict(see(gate({ steps: 4 }), 1, { requests: 2, errors: 2 }), at(1)).kind).toBe('insufficient');
    expect(gateVerdict(see(gate({ steps: 4 }), 1, { requests: 15, errors: 0 }), at(1))).toEqual({ kind: 'pass' });
  });

  it('shows its test in full', () => {
    const state = see(gate(), 60, { requests: 5, errors: 1 }, { requests: 40, errors: 0 });
    const shown = explainGate(state, at(60));
    expect(shown).toMatchObject({ p0: 0.01, p1: 0.2, alpha: 0.005, beta: 0.05, trials: 5, failures: 1 });
    expect(shown.llr).toBeCloseTo(Math.log(20) + 4 * Math.log(0.8 / 0.99), 9);
    expect(shown.acceptAt).toBeCloseTo(Math.log(0.05 / 0.995), 9);
    expect(shown.rejectAt).toBeCloseTo(Math.log(0.95 / 0.005), 9);
    expect(shown.stable).toEqual({ requests: 40, errors: 0 });
    expect(shown.verdict.kind).toBe('insufficient');
  });

  it('fails at once and without traffic on a crash, also after a pass, and keeps the first reason', () => {
    expect(gateVerdict(hardFail(gate(), 'the canary ran out of memory'), at(1))).toEqual({
      kind: 'fail',
      reason: 'the canary ran out of memory',
    });
    const passed = see(gate(), 60, { requests: 15, errors: 0 });
    const crashed = hardFail(hardFail(passed, 'crashed'), 'crashed again');
    expect(gateVerdict(crashed, at(61))).toEqual({ kind: 'fail', reason: 'crashed' });
  });

  it('keeps its verdict whatever is seen later', () => {
    const batch = fc.nat(20).chain((requests) => fc.record({ requests: fc.constant(requests), errors: fc.nat(requests) }));
    fc.assert(
      fc.property(fc.array(fc.tuple(batch, batch), { maxLength: 30 }), (batches) => {
        let state = gate();
        let said: unknown;
        for (const [i, [canary, stable]] of batches.entries()) {
          state = see(state, i, canary, stable);
          const verdict = gateVerdict(state, at(i));
          if (said !== undefined) expect(verdict).toEqual(said);
          if (verdict.kind === 'pass' || verdict.kind === 'fail') said = verdict;
        }
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }),
    );
  });

  it('refuses a rollout without gates and a baseline that is no count', () => {
    expect(() => gate({ steps: 0 })).toThrow(RangeError);
    expect(() => gate({ baseline: { requests: 1, errors: 3 } })).toThrow(RangeError);
  });
});

describe('a gate whose own observation is broken', () => {
  const blind = (state: GateState, seconds: number): GateState =>
    observeGate(state, { canary: { requests: 9, errors: 9 }, stable: none, at: at(seconds), observing: false });

  it('does not blame the release, stops the clock, and goes on from where it was', () => {
    const before = see(gate(), 60, { requests: 5, errors: 0 });
    const lost = blind(before, 70);
    expect(gateVerdict(lost, at(500))).toEqual({ kind: 'unknown', reason: 'our own observation is broken' });
    expect(watchedFor(lost, at(500))).toBe(70_000);
    const back = see(blind(lost, 600), 1000, none);
    expect(watchedFor(back, at(1010))).toBe(80_000);
    expect(gateVerdict(see(back, 1010, { requests: 10, errors: 0 }), at(1010))).toEqual({ kind: 'pass' });
  });

  it.each([
    { canary: { requests: 1, errors: 2 }, stable: none },
    { canary: none, stable: { requests: -1, errors: 0 } },
  ])('takes counts that cannot be for its own fault: %o', (counts) => {
    const odd = see(gate(), 1, counts.canary, counts.stable);
    expect(gateVerdict(odd, at(1))).toEqual({ kind: 'unknown', reason: 'our own observation is broken' });
    expect(gateVerdict(see(odd, 2, { requests: 15, errors: 0 }), at(2))).toEqual({ kind: 'pass' });
  });

  it('still fails on a crash', () => {
    expect(gateVerdict(hardFail(blind(gate(), 1), 'crashed'), at(2)).kind).toBe('fail');
  });
});
