import { describe, expect, it } from 'vitest';
import { type Counts, type GateState, gateVerdict, observeGate, openGate, watchedFor } from '../../src/domain/gate.ts';
import { instant } from '../../src/domain/values.ts';

const spec = { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 };
const none: Counts = { requests: 0, errors: 0 };

/** A gate that is fed one batch a second. */
class Watched {
  #second = 0;
  #state: GateState = openGate({ spec, baseline: { requests: 1000, errors: 5 }, steps: 1 });

  constructor() {
    this.second(none, none);
  }

  second(canary: Counts, stable: Counts): this {
    this.#state = observeGate(this.#state, { canary, stable, at: instant(this.#second * 1000), observing: true });
    this.#second += 1;
    return this;
  }

  get verdict(): ReturnType<typeof gateVerdict> {
    return gateVerdict(this.#state, instant((this.#second - 1) * 1000));
  }

  watchedAfter(seconds: number): number {
    return watchedFor(this.#state, instant((this.#second - 1 + seconds) * 1000));
  }
}

const ok = (requests: number): Counts => ({ requests, errors: 0 });
const bad = (requests: number): Counts => ({ requests, errors: requests });
const failsToo = { kind: 'unknown', reason: 'stable fails too' };

describe('stable as the concurrent control', () => {
  it('holds the gate when both fail, stops its clock, and judges anew once stable serves again', () => {
    const gate = new Watched().second(bad(3), bad(9));
    expect(gate.verdict).toEqual(failsToo);
    expect(gate.watchedAfter(3600)).toBe(1000);
    for (let i = 0; i < 100; i += 1) gate.second(bad(3), bad(9));
    expect(gate.verdict).toEqual(failsToo);
    gate.second(none, ok(50));
    expect(gate.verdict).toMatchObject({ kind: 'insufficient', needed: 15 });
    expect(gate.second(ok(15), ok(50)).verdict).toEqual({ kind: 'pass' });
  });

  it('does not blame the canary for what fails while stable is still coming back', () => {
    const gate = new Watched().second(bad(3), bad(9)).second(bad(3), ok(1)).second(bad(3), ok(1));
    expect(gate.verdict).toEqual(failsToo);
    expect(gate.second(none, ok(50)).verdict).toMatchObject({ kind: 'insufficient', needed: 15 });
  });

  it('measures the rate behind its ETA anew as well', () => {
    const gate = new Watched();
    for (let i = 0; i < 600; i += 1) gate.second(none, ok(1));
    gate.second(bad(3), bad(9)).second(none, ok(50));
    for (let i = 0; i < 9; i += 1) gate.second(none, ok(1));
    expect(gate.second(ok(5), ok(1)).verdict).toEqual({ kind: 'insufficient', needed: 10, etaMs: 20_000 });
  });

  it('holds back the blame also where normal and broken lie far apart', () => {
    const far = { ...spec, p0Floor: 0.0005 };
    const seen = (state: GateState, canary: Counts, stable: Counts): GateState =>
      observeGate(state, { canary, stable, at: instant(0), observing: true });
    const state = seen(openGate({ spec: far, baseline: none, steps: 1 }), bad(3), bad(9));
    expect(gateVerdict(state, instant(0))).toEqual(failsToo);
  });

  it('sees an outage of stable at once, however long stable served before', () => {
    const gate = new Watched();
    for (let i = 0; i < 100; i += 1) gate.second(none, ok(1000));
    expect(gate.second(bad(3), bad(5)).verdict).toEqual(failsToo);
  });

  it('sees the recovery of stable at once, however long it failed', () => {
    const gate = new Watched().second(bad(3), bad(5));
    for (let i = 0; i < 100; i += 1) gate.second(none, bad(1000));
    expect(gate.second(none, ok(15)).verdict.kind).toBe('insufficient');
  });

  it('only holds the blame back for a single failure of stable, and lets go with the next clean request', () => {
    const gate = new Watched().second(bad(3), bad(1));
    expect(gate.verdict).toEqual(failsToo);
    expect(gate.second(none, ok(1)).verdict.kind).toBe('fail');
  });

  it('blames the canary when stable has had no traffic or only its usual errors', () => {
    expect(new Watched().second(bad(3), none).verdict.kind).toBe('fail');
    expect(new Watched().second(bad(3), { requests: 200, errors: 3 }).verdict.kind).toBe('fail');
  });

  it('can only veto a failure: a canary that serves while stable fails passes', () => {
    expect(new Watched().second(ok(15), bad(50)).verdict).toEqual({ kind: 'pass' });
  });

  it('does not turn clean stable traffic into a pass', () => {
    expect(new Watched().second(none, ok(10_000)).verdict).toEqual({ kind: 'insufficient', needed: 15, etaMs: null });
  });
});
