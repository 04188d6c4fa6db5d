import {
  acceptBound,
  areCounts,
  logLikelihoodRatio,
  moreNeeded,
  observe,
  openTest,
  rejectBound,
  requireCounts,
  type SequentialTest,
  type Trials,
} from './sequential-test.ts';
import type { GateSpec } from './spec.ts';
import { between, type Instant, type Millis, millis } from './values.ts';

/** Requests answered, and how many of them failed (5xx, reset, time-out). */
export interface Counts {
  readonly requests: number;
  readonly errors: number;
}

/**
 * `insufficient`: `needed` more clean canary requests, expected in `etaMs` at the rate seen so far (null: none seen yet). With
 * a `reason` no canary traffic can decide: hold, and look again after `needed` clean requests of *stable*.
 * `unknown`: what was seen says nothing about the release; the step's clock stands still.
 */
export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'fail'; readonly reason: string }
  | { readonly kind: 'insufficient'; readonly needed: number; readonly etaMs: Millis | null; readonly reason?: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Where one step's gate stands. Plain data: it is stored with the rollout. */
export interface GateState {
  readonly spec: GateSpec;
  readonly baseline: Counts;
  readonly p0: number;
  readonly p1: number;
  /** This step's share of the rollout's alpha. */
  readonly alpha: number;
  readonly beta: number;
  /** Null: stable fails so often that a broken canary would not stand out. */
  readonly test: SequentialTest | null;
  readonly stable: StableControl;
  /** Pass or fail, once said; only a hard fail may still replace a pass. */
  readonly decided: Extract<Verdict, { kind: 'pass' | 'fail' }> | null;
  /** Null before the first observation. */
  readonly lastAt: Instant | null;
  /** False while our own observation is broken. */
  readonly observing: boolean;
  /** Time watched with the clock running. */
  readonly watched: Millis;
  /** `watched` when the present evidence began to gather. */
  readonly evidenceSince: Millis;
}

/**
 * Stable beside the canary, as Page's cumulative sum of the same likelihood ratio: `pressure` never falls below 0 (an outage
 * after an hour of good service shows at once) and never rises above the reject bound (a recovery shows at once).
 */
interface StableControl extends Counts {
  readonly pressure: number;
  /** True from the moment the pressure reaches the reject bound until stable serves again. */
  readonly down: boolean;
}

/** Above this broken rate, normal and broken are too close for small traffic. */
const highestBrokenRate = 0.8;
/** Broken is at least this many times normal. */
const brokenFactor = 4;

/**
 * Opens the gate of one step. `baseline`: stable's last 1,000 requests of at most 7 days. `steps`: gates of the whole rollout;
 * each spends alpha/steps, so that the chance of a false alarm adds up to at most alpha however many there are.
 * Throws RangeError when the spec's shares contradict each other (config refuses those with a line number) or the
 * baseline is no count.
 */
export function openGate(input: { spec: GateSpec; baseline: Counts; steps: number }): GateState {
  const { spec, baseline, steps } = input;
  if (!Number.isSafeInteger(steps) || steps < 1) throw new RangeError(`a rollout has at least one gate, not ${steps}`);
  requireCounts(trialsOf(baseline));
  const p0 = Math.max(spec.p0Floor, rateOf(baseline));
  const p1 = Math.max(spec.p1Floor, brokenFactor * p0);
  const alpha = spec.alpha / steps;
  return {
    spec,
    baseline,
    p0,
    p1,
    alpha,
    beta: spec.beta,
    test: p1 > highestBrokenRate ? null : openTest({ p0, p1, alpha, beta: spec.beta }),
    stable: { requests: 0, errors: 0, pressure: 0, down: false },
    decided: null,
    lastAt: null,
    observing: true,
    watched: millis(0),
    evidenceSince: millis(0),
  };
}

/**
 * Adds what was counted since the last call (increments, not totals), at `at`. Call it once with zeros when the step's traffic
 * starts: the rate behind the ETA is measured from there. `observing: false`, or counts that cannot be (more errors than
 * requests): our own counting is broken; nothing is added and nobody blamed.
 */
export function observeGate(
  state: GateState,
  seen: { canary: Counts; stable: Counts; at: Instant; observing: boolean },
): GateState {
  if (state.decided !== null) return state;
  const observing = seen.observing && areCounts(trialsOf(seen.canary)) && areCounts(trialsOf(seen.stable));
  const clocked = { ...state, lastAt: seen.at, observing, watched: watchedFor(state, seen.at) };
  if (!observing || state.test === null) return clocked;
  const stable = observeStable(state, seen.stable);
  const blurred = state.test.failures > 0 && state.stable.down && !stable.down;
  if (blurred) return startAfresh({ ...clocked, stable }, state.test);
  return decide({ ...clocked, stable, test: observe(state.test, trialsOf(seen.canary)) });
}

/** The canary crashed, ran out of memory or was restarted: fails without traffic, and whatever stable does. The first reason stays. */
export function hardFail(state: GateState, reason: string): GateState {
  return state.decided?.kind === 'fail' ? state : { ...state, decided: { kind: 'fail', reason } };
}

export function gateVerdict(state: GateState, now: Instant): Verdict {
  if (state.decided !== null) return state.decided;
  if (state.test === null) {
    return { kind: 'insufficient', needed: quietRequests(state), etaMs: null, reason: 'control too noisy' };
  }
  if (!state.observing) return { kind: 'unknown', reason: 'our own observation is broken' };
  if (looksBroken(state.test)) return { kind: 'unknown', reason: 'stable fails too' };
  const needed = moreNeeded(state.test);
  return { kind: 'insufficient', needed, etaMs: etaMs(state, { trials: state.test.trials, needed, now }) };
}

/**
 * How long the step has been watched with its clock running; a step's time-out compares this, so that time in which we could
 * not see, or stable failed as well, does not count.
 */
export function watchedFor(state: GateState, now: Instant): Millis {
  if (state.lastAt === null || gateStandsStill(state)) return state.watched;
  return millis(state.watched + Math.max(0, between(state.lastAt, now)));
}

/** Everything the verdict rests on. `llr`, `acceptAt` and `rejectAt` are in nats; null without a test. */
export interface GateExplanation {
  readonly p0: number;
  readonly p1: number;
  readonly alpha: number;
  readonly beta: number;
  readonly trials: number;
  readonly failures: number;
  readonly llr: number | null;
  readonly acceptAt: number | null;
  readonly rejectAt: number | null;
  readonly stable: Counts;
  readonly verdict: Verdict;
}

export function explainGate(state: GateState, now: Instant): GateExplanation {
  const { p0, p1, alpha, beta, test, stable } = state;
  return {
    p0,
    p1,
    alpha,
    beta,
    trials: test?.trials ?? 0,
    failures: test?.failures ?? 0,
    llr: test && logLikelihoodRatio(test, test),
    acceptAt: test && acceptBound(test),
    rejectAt: test && rejectBound(test),
    stable: { requests: stable.requests, errors: stable.errors },
    verdict: gateVerdict(state, now),
  };
}

/**
 * True when at least three requests were seen and every one failed: dead, whatever the normal rate. Costs p0^3 of false alarm
 * beside alpha (one in a million at 1 %), so it is not asked where three failures in a row are no rarity (p0^3 > alpha).
 */
export function firstThreeFailed(seen: Trials, rates: { readonly p0: number; readonly alpha: number }): boolean {
  return seen.trials >= 3 && seen.failures === seen.trials && rates.p0 ** 3 <= rates.alpha;
}

export const rateOf = (counts: Counts): number => (counts.requests === 0 ? 0 : counts.errors / counts.requests);

export const trialsOf = (counts: Counts): Trials => ({ trials: counts.requests, failures: counts.errors });

/** A share as people read it: two digits at most, "0.5 %", "17 %". */
export const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;

const looksBroken = (test: SequentialTest): boolean => test.verdict === 'reject' || firstThreeFailed(test, test);

const gateStandsStill = (state: GateState): boolean =>
  !state.observing || (state.decided === null && state.test !== null && looksBroken(state.test));

function decide(state: GateState & { readonly test: SequentialTest }): GateState {
  const { test, stable, p0 } = state;
  if (test.verdict === 'accept') return { ...state, decided: { kind: 'pass' } };
  if (!looksBroken(test) || stable.pressure >= doubtAt(state)) return state;
  const reason = `${test.failures} of ${test.trials} requests failed (${percent(test.failures / test.trials)}), normal is at most ${percent(p0)}`;
  return { ...state, decided: { kind: 'fail', reason } };
}

/**
 * Pressure at which blame is held back, though the canary is not acquitted: stable's last request failed, or several of its
 * latest did.
 */
const doubtAt = (state: GateState): number => Math.min(Math.log(state.p1 / state.p0), rejectBound(state));

function observeStable(state: GateState, seen: Counts): StableControl {
  const { stable } = state;
  const highest = rejectBound(state);
  const pressure = Math.min(highest, Math.max(0, stable.pressure + logLikelihoodRatio(state, trialsOf(seen))));
  const down = pressure >= highest || (stable.down && pressure >= doubtAt(state));
  return { requests: stable.requests + seen.requests, errors: stable.errors + seen.errors, pressure, down };
}

/** Both failed and stable is back: the canary's failures say nothing about the canary, so its evidence gathers anew. */
function startAfresh(state: GateState, test: SequentialTest): GateState {
  return { ...state, test: openTest(test), evidenceSince: state.watched };
}

function etaMs(state: GateState, open: { trials: number; needed: number; now: Instant }): Millis | null {
  const elapsed = watchedFor(state, open.now) - state.evidenceSince;
  return open.trials === 0 || elapsed <= 0 ? null : millis(Math.ceil((open.needed * elapsed) / open.trials));
}

/** Clean requests of stable until its rate is low enough for a test. */
function quietRequests({ baseline }: GateState): number {
  return Math.max(1, Math.ceil((baseline.errors * brokenFactor) / highestBrokenRate) - baseline.requests);
}
