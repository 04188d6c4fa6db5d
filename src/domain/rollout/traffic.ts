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
  let served = 0;
  let dropped = 0;
  const since = (release: ReleaseId | null): { requests: number; errors: number } => {
    const now = release === null ? undefined : event.counts[release];
    if (!now || release === null) return { requests: 0, errors: 0 };
    const before = rollout.cursor[release];
    return { requests: rise(before?.requests, now.requests), errors: rise(before?.errors, now.errors) };
  };
  for (const [release, now] of Object.entries(event.counts) as [ReleaseId, ReleaseCounters][]) {
    const before = rollout.cursor[release];
    served += rise(before?.requests, now.requests);
    dropped += rise(before?.dropped, now.dropped);
  }
  const delta = { own: since(rollout.release), stable: since(rollout.from) };
  const counted = { served: rollout.traffic.served + served, dropped: rollout.traffic.dropped + dropped };
  return { rollout: { ...rollout, cursor: { ...rollout.cursor, ...event.counts }, traffic: counted }, delta };
}

const rise = (before: number | undefined, now: number): number => (before === undefined || now < before ? now : now - before);
