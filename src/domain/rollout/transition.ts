import { SignalboxError } from '../errors.ts';
import type { EnvironmentKey, Instant, ReleaseId, RolloutId, WallTime } from '../values.ts';
import {
  aborted,
  afterBuild,
  newer,
  onPreparing,
  onQueued,
  onStarting,
  onVerifying,
  resumeAfterLostCommand,
} from './before-traffic.ts';
import { type Decision, end, hold, stay } from './decision.ts';
import type { RolloutEvent } from './events.ts';
import { isLegal } from './moves.ts';
import type { RolloutKind, RolloutPlan } from './plan.ts';
import { type HoldablePhase, isTerminal, type Reason, type Rollout } from './state.ts';
import { trafficDelta } from './traffic.ts';
import { goOn, onBaking, onRollingBack, onShifting, skipToLast, startClock, undo } from './with-traffic.ts';

/**
 * The one gate for a rollout's state. Pure: the time is given, what is to be done comes back as data.
 * @throws NO_ACTIVE_ROLLOUT for any event on a finished rollout, ILLEGAL_TRANSITION for one that `moves` does not list.
 */
export function transition(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  if (isTerminal(rollout.phase))
    throw new SignalboxError('NO_ACTIVE_ROLLOUT', `Rollout ${rollout.id} has ended (${rollout.phase}).`);
  if (!isLegal(rollout.phase, event.type, rollout.phase)) {
    throw new SignalboxError('ILLEGAL_TRANSITION', `"${event.type}" is not possible while a rollout is ${rollout.phase}.`);
  }
  const decision = rollout.phase === 'held' ? onHeld(rollout, event, now) : onActive(rollout, event, now);
  if (!isLegal(rollout.phase, event.type, decision.rollout.phase)) {
    throw new SignalboxError(
      'ILLEGAL_TRANSITION',
      `"${event.type}" may not lead from ${rollout.phase} to ${decision.rollout.phase}.`,
    );
  }
  return decision;
}

function onActive(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  if (event.type === 'paused' && rollout.phase !== 'rolling-back') return { rollout: hold(rollout, paused, now) };
  return inPhase(rollout.phase as HoldablePhase, rollout, event, now);
}

function inPhase(phase: HoldablePhase, rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (phase) {
    case 'queued':
      return event.type === 'traffic' ? stay(rollout) : onQueued(rollout, event, now);
    case 'preparing':
      return event.type === 'traffic' ? counted(rollout, event) : onPreparing(rollout, event, now);
    case 'starting':
      return event.type === 'traffic' ? counted(rollout, event) : onStarting(rollout, event, now);
    case 'verifying':
      return event.type === 'traffic' ? counted(rollout, event) : onVerifying(rollout, event, now);
    case 'shifting':
      return onShifting(rollout, event, now);
    case 'baking':
      return onBaking(rollout, event, now);
    case 'rolling-back':
      return onRollingBack(rollout, event, now);
  }
}

const counted = (rollout: Rollout, event: Extract<RolloutEvent, { type: 'traffic' }>): Decision => ({
  rollout: trafficDelta(rollout, event).rollout,
});

/**
 * A held rollout stands still but does not look away: results of what was under way are taken in, and a release that fails while
 * it has traffic is undone at once.
 */
function onHeld(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  const heldIn = rollout.heldIn ?? 'queued';
  const reason = rollout.reason ?? paused;
  const awake: Rollout = { ...rollout, phase: heldIn, heldIn: null };
  switch (event.type) {
    case 'paused':
    case 'tick':
    case 'instance-started':
      return stay(rollout);
    case 'resumed':
      return resume(awake, reason, now);
    case 'promoted':
      if (heldIn === 'shifting' && rollout.stepServed) return skipToLast(startClock(withoutReason(awake), now), now);
      if (heldIn === 'baking') return inPhase(heldIn, withoutReason(awake), event, now);
      return stay(rollout);
    case 'aborted':
      if (heldIn === 'shifting' || heldIn === 'baking') return undo(awake, aborted, now, true);
      return heldIn === 'rolling-back' ? stay(rollout) : { rollout: end(awake, 'cancelled', aborted) };
    case 'superseded':
      return supersedeHeld(rollout, awake, event.by, now);
    default:
      return keepHolding(rollout, inPhase(heldIn, awake, event, now), reason, now);
  }
}

function supersedeHeld(rollout: Rollout, awake: Rollout, by: RolloutId, now: Instant): Decision {
  if (awake.phase === 'rolling-back') return { rollout: { ...rollout, supersededBy: by } };
  if (awake.phase === 'shifting') return undo({ ...awake, supersededBy: by, endsAs: 'superseded' }, newer(by), now, true);
  if (awake.outstanding.some((o) => o.effect.type === 'release-command')) return { rollout: { ...rollout, supersededBy: by } };
  return { rollout: end({ ...awake, supersededBy: by }, 'superseded', newer(by)) };
}

function resume(awake: Rollout, reason: Reason, now: Instant): Decision {
  if (reason.code === 'COMMAND_LOST') return resumeAfterLostCommand(withoutReason(awake), now);
  if (awake.phase === 'preparing' && awake.outstanding.length === 0) return { rollout: afterBuild(withoutReason(awake), now) };
  const kept = awake.phase === 'rolling-back' ? awake : withoutReason(awake);
  return goOn(startClock(kept, now), now);
}

const withoutReason = (rollout: Rollout): Rollout => ({ ...rollout, reason: null });

/** Takes in what has happened, goes no step further; failures and the end of an undo go through. */
function keepHolding(before: Rollout, inner: Decision, reason: Reason, now: Instant): Decision {
  const next = inner.rollout;
  if (isTerminal(next.phase) && next.phase !== 'succeeded') return inner;
  if (next.phase === 'rolling-back' && before.heldIn !== 'rolling-back') return inner;
  if (next.phase === 'held') return inner;
  if (next.phase === 'succeeded' || next.step !== before.step) {
    // Not while somebody has said stop: take in the news only.
    return {
      rollout: { ...before, health: next.health, gate: next.gate, bake: next.bake, traffic: next.traffic, cursor: next.cursor },
    };
  }
  const held = hold(withoutNewCommand(before, next), reason, now);
  // The clock stands where it stood, unless what has happened started a new one or made it needless.
  const same = next.phase === before.heldIn && next.stepServed === before.stepServed && before.clockLeft !== null;
  const clockLeft = same && held.clockLeft !== null ? before.clockLeft : held.clockLeft;
  return { ...inner, rollout: { ...held, clockLeft } };
}

/** A release command begins when the hold is over: nothing is migrated while somebody has said stop. */
function withoutNewCommand(before: Rollout, next: Rollout): Rollout {
  const known = new Set(before.outstanding.map((o) => o.id));
  const outstanding = next.outstanding.filter((o) => o.effect.type !== 'release-command' || known.has(o.id));
  return { ...next, outstanding };
}

const paused: Reason = { code: 'PAUSED', message: 'Paused by a person.' };

export function newRollout(facts: {
  id: RolloutId;
  environment: EnvironmentKey;
  kind: RolloutKind;
  release: ReleaseId;
  plan: RolloutPlan;
  wall: WallTime;
}): Rollout {
  return {
    id: facts.id,
    environment: facts.environment,
    kind: facts.kind,
    release: facts.release,
    plan: facts.plan,
    phase: 'queued',
    heldIn: null,
    reason: null,
    endsAs: null,
    from: null,
    fallback: null,
    step: -1,
    stepServed: false,
    scale: 0,
    trafficMoved: false,
    commandsLeft: [],
    health: {},
    crashesAtClearance: {},
    mostHealthy: 0,
    verified: false,
    routeSmokePassed: false,
    baseline: { requests: 0, errors: 0 },
    gate: null,
    bake: null,
    movingSince: null,
    deadline: null,
    clockLeft: null,
    outstanding: [],
    nextEffect: 1,
    times: { createdAt: facts.wall, startedAt: null, liveAt: null, endedAt: null, switchMs: null, restoreMs: null },
    supersededBy: null,
    traffic: { served: 0, dropped: 0 },
    cursor: {},
  };
}
