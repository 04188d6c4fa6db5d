import type { ReleaseId } from '../values.ts';
import type { RolloutEvent } from './events.ts';
import type { ReleaseCounters, Rollout } from './state.ts';

export interface TrafficDelta {
  readonly own: { readonly requests: number; readonly errors: number };
  readonly stable: { readonly requests: number; readonly errors: number };
}

/** What has happened since the last observation. A counter that fell has started again from zero. */
export function trafficDelta(
  rollout: Rollout,
  event: Extract<RolloutEvent, { type: 'traffic' }>,
): { readonly rollout: Rollout; readonly delta: TrafficDelta } {
  const since = (release: ReleaseId): ReleaseCounters => rise(rollout.cursor[release], event.counts[release]);
  const all = (Object.keys(event.counts) as ReleaseId[]).map(since);
  const served = all.reduce((sum, c) => sum + c.requests, 0);
  const dropped = all.reduce((sum, c) => sum + c.dropped, 0);
  const delta = { own: since(rollout.release), stable: rollout.from === null ? none : since(rollout.from) };
  const counted = { served: rollout.traffic.served + served, dropped: rollout.traffic.dropped + dropped };
  return { rollout: { ...rollout, cursor: { ...rollout.cursor, ...event.counts }, traffic: counted }, delta };
}

const none: ReleaseCounters = { requests: 0, errors: 0, dropped: 0 };

/** Counters of a release start again together: when one of them fell, all count from zero. */
function rise(before: ReleaseCounters = none, now: ReleaseCounters = before): ReleaseCounters {
  const again = now.requests < before.requests || now.errors < before.errors || now.dropped < before.dropped;
  const from = again ? none : before;
  return { requests: now.requests - from.requests, errors: now.errors - from.errors, dropped: now.dropped - from.dropped };
}

/** Every worker serves nothing but this release, and nobody is taking that back. */
export function hasAllTraffic(rollout: Rollout): boolean {
  const phase = rollout.phase === 'held' ? rollout.heldIn : rollout.phase;
  if (phase === 'succeeded' || phase === 'baking') return true;
  return phase === 'shifting' && rollout.stepServed && rollout.step === rollout.plan.steps.length - 1;
}
