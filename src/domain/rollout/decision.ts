import type { Arm } from '../route-table.ts';
import { type Instant, type Millis, millis, type ReleaseId } from '../values.ts';
import type { Effect, HoldablePhase, Phase, Reason, Rollout } from './state.ts';

/**
 * What a transition decides: the rollout as it is from now on (with the effects still to be done inside it) and what changes in
 * its environment. Committed in one transaction; only then is anything done.
 */
export interface Decision {
  readonly rollout: Rollout;
  /** New split of the environment's traffic. */
  readonly arms?: readonly Arm[];
  /** The release has gone through its bake. */
  readonly proven?: ReleaseId;
  /** Services whose release command succeeded. */
  readonly commandDone?: string;
}

export const stay = (rollout: Rollout): Decision => ({ rollout });

/** Asks for an effect; its result will name the id. */
export function ask(rollout: Rollout, effect: Effect): Rollout {
  const id = `${rollout.id}-${rollout.nextEffect}`;
  return { ...rollout, nextEffect: rollout.nextEffect + 1, outstanding: [...rollout.outstanding, { id, effect }] };
}

/** The outstanding effect of this id, or undefined when nobody waits for it any more. */
export const outstandingEffect = (rollout: Rollout, id: string): Effect | undefined =>
  rollout.outstanding.find((o) => o.id === id)?.effect;

export const settle = (rollout: Rollout, id: string): Rollout => ({
  ...rollout,
  outstanding: rollout.outstanding.filter((o) => o.id !== id),
});

/** Enters a phase: nothing that the last one asked for is waited for any longer. */
export function enter(rollout: Rollout, phase: Phase, deadline: Instant | null): Rollout {
  return { ...rollout, phase, heldIn: null, deadline, clockLeft: null, outstanding: [] };
}

export function end(
  rollout: Rollout,
  phase: 'succeeded' | 'rolled-back' | 'failed' | 'cancelled' | 'superseded',
  reason: Reason | null,
): Rollout {
  return { ...enter(rollout, phase, null), reason: reason ?? rollout.reason };
}

/** Stops the clock and waits for a person (or for whatever is named in the reason). Effects under way go on. */
export function hold(rollout: Rollout, reason: Reason, now: Instant): Rollout {
  const heldIn = rollout.phase as HoldablePhase;
  return {
    ...rollout,
    phase: 'held',
    heldIn,
    reason,
    clockLeft: rollout.deadline === null ? rollout.clockLeft : millis(Math.max(0, rollout.deadline - now)),
    deadline: null,
  };
}

export const clockIn = (now: Instant, wait: Millis): Instant => (now + wait) as Instant;

export const isDue = (rollout: Rollout, now: Instant): boolean => rollout.deadline !== null && now >= rollout.deadline;

/** All traffic on one release. */
export const allOn = (release: ReleaseId | null): readonly Arm[] =>
  release === null ? [] : [{ release, weight: 10_000, role: 'stable' }];

/** Traffic shared between the release that was there and the new one. */
export function shared(from: ReleaseId | null, to: ReleaseId, weight: number): readonly Arm[] {
  if (from === null || weight >= 10_000) return allOn(to);
  return [
    { release: from, weight: 10_000 - weight, role: 'stable' },
    { release: to, weight, role: 'canary' },
  ];
}
