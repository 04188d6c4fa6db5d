import { bakeVerdict, observeBake, openBakeWatch } from '../bake-watch.ts';
import { gateVerdict, observeGate, openGate } from '../gate.ts';
import { type Instant, type Millis, millis, type WorkloadId } from '../values.ts';
import {
  aborted,
  allHealthy,
  concerns,
  newer,
  notHealthyInTime,
  publishDeadline,
  startDeadline,
  withHealth,
} from './before-traffic.ts';
import {
  allOn,
  ask,
  clockIn,
  type Decision,
  end,
  enter,
  hold,
  isDue,
  outstandingEffect,
  settle,
  shared,
  stay,
} from './decision.ts';
import type { RolloutEvent } from './events.ts';
import { fullWeight, type PlannedStart } from './plan.ts';
import type { Reason, Rollout } from './state.ts';
import { type TrafficDelta, trafficDelta } from './traffic.ts';

export function onShifting(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'published': {
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      const served: Rollout = { ...settle(rollout, event.effect), stepServed: true, trafficMoved: true };
      if (isLastStep(served)) {
        return enterBaking(
          { ...served, times: { ...served.times, liveAt: event.wall, switchMs: now - (served.movingSince ?? now) } },
          now,
        );
      }
      return { rollout: openStep(served, now) };
    }
    case 'healthy': {
      const known = withHealth(rollout, event.workload, { healthy: true, reason: null });
      return grown(known) ? nextStep(known, now) : { rollout: known };
    }
    case 'unhealthy':
    case 'broken': {
      if (!concerns(rollout, event.workload)) return stay(rollout);
      const growing = event.type === 'unhealthy' && isGrowing(rollout);
      const known = withHealth(rollout, event.workload, { healthy: false, reason: event.reason });
      return growing ? { rollout: known } : undo(known, event.reason, now);
    }
    case 'traffic':
      return judgeStep(rollout, event, now);
    case 'tick':
      return isDue(rollout, now) ? stepTimedOut(rollout, now) : stay(rollout);
    case 'promoted':
      if (!rollout.stepServed) return { rollout: { ...rollout, plan: lastStepOnly(rollout) } };
      // What grows grows to the end at once, and has to be healthy anew at its full number.
      return isGrowing(rollout)
        ? { rollout: openStep({ ...rollout, plan: lastStepOnly(rollout) }, now) }
        : skipToLast(rollout, now);
    case 'aborted':
      return undo(rollout, aborted, now, true);
    case 'superseded':
      return undo({ ...rollout, supersededBy: event.by, endsAs: 'superseded' }, newer(event.by), now, true);
    default:
      return stay(rollout);
  }
}

const isLastStep = (rollout: Rollout): boolean => rollout.step >= rollout.plan.steps.length - 1;

/** A rolling strategy whose next instances are on their way. */
const isGrowing = (rollout: Rollout): boolean => rollout.scale > rollout.step;
const grown = (rollout: Rollout): boolean => rollout.stepServed && isGrowing(rollout) && allHealthy(rollout);

/** What a served step waits for: a verdict (canary), or its next instances (rolling). */
function openStep(rollout: Rollout, now: Instant): Rollout {
  const gate = openGate({ spec: rollout.plan.gate, baseline: rollout.baseline, steps: rollout.plan.steps.length - 1 });
  if (rollout.plan.strategy !== 'rolling')
    return { ...rollout, gate, deadline: clockIn(now, rollout.plan.stepTimeout), clockLeft: null };
  const scale = rollout.step + 1;
  const health = Object.fromEntries(Object.keys(rollout.health).map((id) => [id, { healthy: false, reason: null }]));
  return { ...rollout, gate, scale, health, deadline: clockIn(now, startDeadline(rollout)), clockLeft: null };
}

function nextStep(rollout: Rollout, now: Instant): Decision {
  const step = rollout.step + 1;
  const weight = rollout.plan.steps[step] ?? fullWeight;
  const moving: Rollout = {
    ...rollout,
    step,
    scale: Math.max(step, rollout.scale),
    stepServed: false,
    movingSince: now,
    deadline: clockIn(now, publishDeadline),
    clockLeft: null,
  };
  return { rollout: ask(moving, { type: 'publish' }), arms: shared(rollout.from, rollout.release, weight) };
}

/** After a hold: takes the step that became possible in the meantime. */
export const goOn = (rollout: Rollout, now: Instant): Decision =>
  rollout.phase === 'shifting' && (grown(rollout) || passed(rollout, now)) ? nextStep(rollout, now) : stay(rollout);

/** A canary whose served step has its verdict. */
const passed = (rollout: Rollout, now: Instant): boolean =>
  rollout.plan.strategy === 'canary' &&
  rollout.stepServed &&
  !isLastStep(rollout) &&
  allHealthy(rollout) &&
  rollout.gate !== null &&
  gateVerdict(rollout.gate, now).kind === 'pass';

const lastStepOnly = (rollout: Rollout): Rollout['plan'] => ({
  ...rollout.plan,
  steps: [...rollout.plan.steps.slice(0, rollout.step + 1).filter((w) => w < fullWeight), fullWeight],
});

/** A person takes the rest of the steps on themselves; health is still asked for. */
export function skipToLast(rollout: Rollout, now: Instant): Decision {
  if (isLastStep(rollout)) return stay(rollout);
  const shortened = { ...rollout, plan: lastStepOnly(rollout) };
  return shortened.plan.strategy === 'rolling' ? { rollout: openStep(shortened, now) } : nextStep(shortened, now);
}

function judgeStep(before: Rollout, event: Extract<RolloutEvent, { type: 'traffic' }>, now: Instant): Decision {
  const { rollout, delta } = trafficDelta(before, event);
  if (!rollout.gate || !rollout.stepServed || isLastStep(rollout)) return { rollout };
  const gate = observeGate(rollout.gate, { canary: delta.own, stable: delta.stable, at: now, observing: event.observing });
  const verdict = gateVerdict(gate, now);
  const judged: Rollout = { ...rollout, gate };
  if (verdict.kind === 'fail') return undo(judged, { code: 'GATE_FAILED', message: verdict.reason }, now);
  const watched = verdict.kind === 'unknown' ? stopClock(judged, now) : startClock(judged, now);
  if (passed(watched, now)) return nextStep(watched, now);
  return { rollout: watched };
}

function stepTimedOut(rollout: Rollout, now: Instant): Decision {
  if (!rollout.stepServed) return rearmed(undo(rollout, notServed, now), publishDeadline);
  if (rollout.plan.strategy === 'rolling') return undo(rollout, notHealthyInTime(rollout), now);
  if (rollout.plan.onTimeout === 'promote') return skipToLast(rollout, now);
  const verdict = rollout.gate ? gateVerdict(rollout.gate, now) : null;
  const missing =
    verdict?.kind === 'insufficient' ? `; ${verdict.reason ?? `${verdict.needed} more clean requests would have passed it`}` : '';
  const reason: Reason = {
    code: 'GATE_TIMEOUT',
    message: `No verdict on ${percent(rollout)} of traffic within ${rollout.plan.stepTimeout / 1000} s${missing}.`,
  };
  if (rollout.plan.onTimeout === 'rollback') return undo(rollout, reason, now);
  return { rollout: { ...hold(rollout, reason, now), clockLeft: rollout.plan.stepTimeout } };
}

/** Held with a fresh clock: who resumes it gives it as long again. */
const rearmed = (decision: Decision, wait: Millis): Decision =>
  decision.rollout.phase === 'held' ? { ...decision, rollout: { ...decision.rollout, clockLeft: wait } } : decision;

const percent = (rollout: Rollout): string => `${(rollout.plan.steps[rollout.step] ?? 0) / 100}%`;

const notServed: Reason = {
  code: 'DATA_PLANE_UNAVAILABLE',
  message: `The route table was not acknowledged by every proxy worker within ${publishDeadline / 1000} s.`,
};

function enterBaking(rollout: Rollout, now: Instant): Decision {
  const switched = rollout.plan.starts.filter((s) => s.when === 'switch');
  const entered: Rollout = {
    ...enter(rollout, 'baking', clockIn(now, rollout.plan.bake)),
    bake: openBakeWatch({ spec: rollout.plan.gate, baseline: rollout.baseline }),
    health: { ...rollout.health, ...Object.fromEntries(switched.map((s) => [s.workload, { healthy: false, reason: null }])) },
    scale: rollout.plan.steps.length - 1,
    routeSmokePassed: rollout.plan.smoke.length === 0 || rollout.kind === 'rollback',
  };
  if (switched.some((s) => s.waits !== undefined))
    return { rollout: { ...entered, exchanging: true, deadline: clockIn(now, exchangeDeadline(switched)) } };
  return { rollout: entered.routeSmokePassed ? entered : ask(entered, { type: 'smoke-route' }) };
}

/** Requests wait while a service is exchanged: how long until the way back is taken. */
const exchangeDeadline = (switched: readonly PlannedStart[]): Millis =>
  millis(Math.max(...switched.map((s) => s.deadline + (s.waits?.drain ?? 0) + (s.waits?.grace ?? 0))));

/** The exchange has succeeded when all is healthy: only then the watch begins. */
function exchanged(rollout: Rollout, now: Instant): Decision {
  if (!allHealthy(rollout)) return { rollout };
  const begun: Rollout = { ...rollout, exchanging: false, deadline: clockIn(now, rollout.plan.bake), clockLeft: null };
  return begun.routeSmokePassed ? finishIfDone(begun, now) : { rollout: ask(begun, { type: 'smoke-route' }) };
}

export function onBaking(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'smoke-passed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return finishIfDone({ ...settle(rollout, event.effect), routeSmokePassed: true }, now);
    case 'smoke-failed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return undo(settle(rollout, event.effect), event.reason, now);
    case 'healthy':
      return rollout.exchanging === true
        ? exchanged(withHealth(rollout, event.workload, { healthy: true, reason: null }), now)
        : finishIfDone(withHealth(rollout, event.workload, { healthy: true, reason: null }), now);
    case 'unhealthy': {
      if (!concerns(rollout, event.workload)) return stay(rollout);
      const wasHealthy = rollout.health[event.workload]?.healthy === true;
      const known = withHealth(rollout, event.workload, { healthy: false, reason: event.reason });
      // A worker that is exchanged at the switch is not healthy yet; everything else was.
      return wasHealthy || !startsAtSwitch(rollout, event.workload) ? undo(known, event.reason, now) : { rollout: known };
    }
    case 'broken':
      return concerns(rollout, event.workload) ? undo(rollout, event.reason, now) : stay(rollout);
    case 'traffic': {
      const { rollout: counted, delta } = trafficDelta(rollout, event);
      if (!event.observing || !counted.bake) return { rollout: stopClock(counted, now) };
      return judgeBake(counted, delta, now);
    }
    case 'tick':
      if (!isDue(rollout, now)) return stay(rollout);
      return rollout.exchanging === true ? undo(rollout, notHealthyInTime(rollout), now) : finishIfDone(rollout, now);
    case 'promoted':
      // Nobody can promote what does not run yet; without a watch it is done as soon as it does.
      if (rollout.exchanging === true) return { rollout: { ...rollout, plan: { ...rollout.plan, bake: millis(0) } } };
      return finishIfDone({ ...rollout, deadline: now, clockLeft: null }, now);
    case 'aborted':
      return undo(rollout, aborted, now, true);
    case 'superseded':
      return { rollout: end({ ...rollout, supersededBy: event.by }, 'superseded', newer(event.by)) };
    default:
      return stay(rollout);
  }
}

const startsAtSwitch = (rollout: Rollout, workload: WorkloadId): boolean =>
  rollout.plan.starts.some((s) => s.workload === workload && s.when === 'switch');

function judgeBake(rollout: Rollout, delta: TrafficDelta, now: Instant): Decision {
  if (!rollout.bake) return stay(rollout);
  const bake = observeBake(rollout.bake, delta.own);
  const verdict = bakeVerdict(bake);
  const judged = startClock({ ...rollout, bake }, now);
  if (verdict.kind === 'fail') return undo(judged, { code: 'BAKE_FAILED', message: verdict.reason }, now);
  return { rollout: judged };
}

function finishIfDone(rollout: Rollout, now: Instant): Decision {
  if (!isDue(rollout, now)) return { rollout };
  if (!rollout.routeSmokePassed || !allHealthy(rollout)) {
    const patience = clockIn(rollout.deadline ?? now, startDeadline(rollout));
    return now >= patience ? undo(rollout, notHealthyInTime(rollout), now) : { rollout };
  }
  return { rollout: end(rollout, 'succeeded', null), proven: rollout.release };
}

export function stopClock(rollout: Rollout, now: Instant): Rollout {
  if (rollout.deadline === null) return rollout;
  return { ...rollout, clockLeft: millis(Math.max(0, rollout.deadline - now)), deadline: null };
}

export function startClock(rollout: Rollout, now: Instant): Rollout {
  if (rollout.deadline !== null || rollout.clockLeft === null) return rollout;
  return { ...rollout, deadline: clockIn(now, rollout.clockLeft), clockLeft: null };
}

/** How long the restored table may take before a person is asked; it goes on being tried. */
const restoreDeadline: Millis = millis(60_000);

/**
 * Back to the last proven release: the table first, everything else after it. A rollback that goes wrong is held instead, so that
 * traffic never swings to and fro; only a person (`byPerson`) or a newer deploy undoes it.
 */
export function undo(rollout: Rollout, reason: Reason, now: Instant, byPerson = false): Decision {
  if (rollout.kind === 'rollback' && !byPerson) return { rollout: hold(rollout, reason, now) };
  const target = rollout.fallback ?? rollout.from;
  const back: Rollout = {
    ...enter(rollout, 'rolling-back', clockIn(now, restoreDeadline)),
    reason,
    movingSince: now,
    endsAs: rollout.endsAs ?? 'rolled-back',
  };
  if (target !== null && !keptWarm(rollout)) return { rollout: ask(back, { type: 'warm-up' }) };
  return { rollout: ask(back, { type: 'publish' }), arms: allOn(target) };
}

/** Whether the release to go back to has been running all the time. One that was stopped is started before it gets traffic. */
const keptWarm = (rollout: Rollout): boolean =>
  rollout.phase === 'baking' ? rollout.plan.warm : rollout.fallback === null || rollout.fallback === rollout.from;

/** Why a rollout is being undone, also while that is stuck. */
const undone = (rollout: Rollout): Reason | null => rollout.reason?.undoing ?? rollout.reason;

function stuck(rollout: Rollout): Reason {
  const why = undone(rollout);
  const message = `The old route table is not served by every proxy worker after ${restoreDeadline / 1000} s; it goes on being tried. It is restored because: ${why?.message ?? 'it was asked for'}`;
  return { code: 'ROLLBACK_STUCK', message, ...(why === null ? {} : { undoing: why }) };
}

export function onRollingBack(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'warmed-up': {
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      const warmed: Rollout = { ...settle(rollout, event.effect), deadline: clockIn(now, restoreDeadline) };
      return { rollout: ask(warmed, { type: 'publish' }), arms: allOn(rollout.fallback ?? rollout.from) };
    }
    case 'published': {
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      const restored: Rollout = { ...rollout, times: { ...rollout.times, restoreMs: now - (rollout.movingSince ?? now) } };
      return { rollout: end(restored, rollout.endsAs ?? 'rolled-back', undone(rollout)) };
    }
    case 'tick':
      if (!isDue(rollout, now)) return stay(rollout);
      return { rollout: { ...hold(rollout, stuck(rollout), now), clockLeft: restoreDeadline } };
    case 'superseded':
      return { rollout: { ...rollout, supersededBy: event.by } };
    case 'traffic':
      return { rollout: trafficDelta(rollout, event).rollout };
    default:
      return stay(rollout);
  }
}
