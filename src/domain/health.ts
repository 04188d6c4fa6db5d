import type { HealthSpec } from './spec.ts';
import { between, type Instant, type Millis, millis } from './values.ts';

/**
 * What the probes of one instance say. `starting`: never healthy yet ("no result yet" is not healthy). Plain data.
 */
export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  /** Consecutive successes up to now; a failure makes it 0. */
  readonly successes: number;
  /** Consecutive failures up to now; a success makes it 0. */
  readonly failures: number;
  /** Probes answered so far, either way. */
  readonly probes: number;
  /** Start of the present run of successes; null when the last probe failed or there was none. */
  readonly goodSince: Instant | null;
  /** What the last probe saw, e.g. "GET /health answered 503"; null before the first. */
  readonly detail: string | null;
  /** The same of the last probe that failed: what people are shown as the reason. */
  readonly lastFailure: string | null;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly detail: string;
}

export type HealthChange = 'became-healthy' | 'became-unhealthy' | null;

/** While an instance starts: soon enough that probing adds little to the time a deploy takes. */
const startingProbe = millis(100);
/** After a first failure, or a first success: soon enough to confirm an outage within its two seconds. */
const recheck = millis(200);

export const newHealth = (): HealthState => ({
  status: 'starting',
  successes: 0,
  failures: 0,
  probes: 0,
  goodSince: null,
  detail: null,
  lastFailure: null,
});

/**
 * Takes one result. Healthy needs `healthyAfter` successes in a row (`up`: to stay up for `upFor`); unhealthy needs
 * `unhealthyAfter` failures in a row (`up`: one, a process that is gone is gone). What starts does not become unhealthy: the
 * deadline, or `attemptsExhausted`, ends it.
 */
export function observeProbe(
  state: HealthState,
  spec: HealthSpec,
  result: ProbeResult,
  at: Instant,
): { state: HealthState; changed: HealthChange } {
  const seen = count(state, result, at);
  if (seen.status !== 'healthy' && provenHealthy(seen, spec, at)) {
    return { state: { ...seen, status: 'healthy' }, changed: 'became-healthy' };
  }
  if (seen.status === 'healthy' && seen.failures >= failuresToFall(spec)) {
    return { state: { ...seen, status: 'unhealthy' }, changed: 'became-unhealthy' };
  }
  return { state: seen, changed: null };
}

export const isHealthy = (state: HealthState): boolean => state.status === 'healthy';

/**
 * How long to wait before the next probe: 100 ms while starting, 200 ms while in doubt (a healthy instance that has just
 * failed, an unhealthy one that has just answered), else the interval; never longer than the interval.
 */
export function nextProbeAfter(state: HealthState, spec: HealthSpec): Millis {
  if (state.status === 'starting') return shorter(startingProbe, spec.interval);
  const inDoubt = state.status === 'healthy' ? state.failures > 0 : state.successes > 0;
  return inDoubt ? shorter(recheck, spec.interval) : spec.interval;
}

/** True when an instance that has never been healthy failed `attempts` probes in a row: no use in waiting for the deadline. */
export const attemptsExhausted = (state: HealthState, attempts: number): boolean =>
  state.status === 'starting' && state.failures >= attempts;

/** One sentence for people on why the instance does not count as healthy; null when it does. */
export function whyNotHealthy(state: HealthState): string | null {
  if (state.status === 'healthy') return null;
  if (state.probes === 0) return 'no probe has been answered yet';
  if (state.failures > 1) return `${state.lastFailure}, ${state.failures} times in a row`;
  if (state.failures === 1) return state.lastFailure;
  return state.lastFailure === null
    ? 'not healthy for long enough yet'
    : `not healthy for long enough since: ${state.lastFailure}`;
}

function count(state: HealthState, result: ProbeResult, at: Instant): HealthState {
  const probes = state.probes + 1;
  const { ok, detail } = result;
  if (!ok) return { ...state, probes, successes: 0, failures: state.failures + 1, goodSince: null, detail, lastFailure: detail };
  return { ...state, probes, successes: state.successes + 1, failures: 0, goodSince: state.goodSince ?? at, detail };
}

function provenHealthy(state: HealthState, spec: HealthSpec, at: Instant): boolean {
  if (state.goodSince === null) return false;
  if (spec.type === 'up') return between(state.goodSince, at) >= spec.upFor;
  return state.successes >= spec.healthyAfter;
}

const failuresToFall = (spec: HealthSpec): number => (spec.type === 'up' ? 1 : spec.unhealthyAfter);

const shorter = (a: Millis, b: Millis): Millis => (a < b ? a : b);
