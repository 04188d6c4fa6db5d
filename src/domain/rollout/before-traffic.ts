import { type Instant, type Millis, millis, type WorkloadId } from '../values.ts';
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
import { fullWeight, isAsked } from './plan.ts';
import type { Reason, Rollout, WorkloadHealth } from './state.ts';

/** How long the table may take to reach every worker before the rollout gives up on it. */
export const publishDeadline = millis(30_000);
/** Extra time, before the first instance has started, for scratch copies and queues. */
const startGrace = millis(60_000);

export function onQueued(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'started': {
      const begun: Rollout = { ...rollout, cursor: event.counts, times: { ...rollout.times, startedAt: event.wall } };
      if (event.ready) return { rollout: enterVerifying({ ...begun, health: startsBefore(rollout, wellKnown) }, now) };
      return { rollout: enterPreparing(begun, now) };
    }
    case 'aborted':
      return { rollout: end(rollout, 'cancelled', aborted) };
    case 'superseded':
      return { rollout: superseded(rollout, event) };
    default:
      return stay(rollout);
  }
}

function enterPreparing(rollout: Rollout, now: Instant): Rollout {
  const entered = { ...enter(rollout, 'preparing', null), commandsLeft: rollout.plan.releaseCommands.map((c) => c.service) };
  if (rollout.plan.builds.some((b) => isAsked(rollout.plan, b))) return ask(entered, { type: 'build' });
  return afterBuild(entered, now);
}

/** The accessories, the next release command, or the start of the instances when nothing else is left. */
export function afterBuild(rollout: Rollout, now: Instant): Rollout {
  if ((rollout.plan.accessories ?? []).length > 0 && rollout.accessoriesReady !== true)
    return ask(rollout, { type: 'accessories' });
  const [service] = rollout.commandsLeft;
  if (service !== undefined) return ask(rollout, { type: 'release-command', service });
  return enterStarting(rollout, now);
}

export function onPreparing(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'built':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: afterBuild(settle(rollout, event.effect), now) };
    case 'build-failed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: end(rollout, 'failed', event.reason) };
    case 'accessories-ready':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: afterBuild({ ...settle(rollout, event.effect), accessoriesReady: true }, now) };
    case 'accessories-failed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: end(rollout, 'failed', event.reason) };
    case 'command-done': {
      const effect = outstandingEffect(rollout, event.effect);
      if (effect?.type !== 'release-command') return stay(rollout);
      const done = { ...settle(rollout, event.effect), commandsLeft: rollout.commandsLeft.filter((s) => s !== effect.service) };
      if (rollout.supersededBy)
        return { rollout: end(done, 'superseded', newer(rollout.supersededBy)), commandDone: effect.service };
      return { rollout: afterBuild(done, now), commandDone: effect.service };
    }
    case 'command-failed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: end(rollout, rollout.supersededBy ? 'superseded' : 'failed', event.reason) };
    case 'command-lost':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      if (rollout.supersededBy) return { rollout: end(rollout, 'superseded', event.reason) };
      return { rollout: hold(settle(rollout, event.effect), event.reason, now) };
    case 'aborted':
      return { rollout: end(rollout, 'cancelled', aborted) };
    case 'superseded':
      // A migration is never cut off half way for the sake of a newer deploy.
      if (commandRuns(rollout)) return { rollout: { ...rollout, supersededBy: event.by } };
      return { rollout: superseded(rollout, event) };
    default:
      return stay(rollout);
  }
}

const commandRuns = (rollout: Rollout): boolean => rollout.outstanding.some((o) => o.effect.type === 'release-command');

/** A person has looked at a release command whose end nobody saw, and says: go on, it is done. */
export function resumeAfterLostCommand(rollout: Rollout, now: Instant): Decision {
  const [service, ...rest] = rollout.commandsLeft;
  const entered = { ...rollout, commandsLeft: rest };
  const next = rollout.supersededBy ? end(entered, 'superseded', newer(rollout.supersededBy)) : afterBuild(entered, now);
  return service === undefined ? { rollout: next } : { rollout: next, commandDone: service };
}

function enterStarting(rollout: Rollout, now: Instant): Rollout {
  const health = startsBefore(rollout, unknownHealth);
  const entered: Rollout = {
    ...enter(rollout, 'starting', clockIn(now, millis(startDeadline(rollout) + startGrace))),
    scale: 0,
    health,
    mostHealthy: 0,
  };
  return Object.keys(health).length === 0 ? enterVerifying(entered, now) : entered;
}

const unknownHealth: WorkloadHealth = { healthy: false, reason: null };
const wellKnown: WorkloadHealth = { healthy: true, reason: null };

const startsBefore = (rollout: Rollout, health: WorkloadHealth): Rollout['health'] =>
  Object.fromEntries(rollout.plan.starts.flatMap((s) => (s.when === 'before' ? [[s.workload, health]] : [])));

/** The longest of the deadlines of what is being started, 60 s when nothing is. */
export function startDeadline(rollout: Rollout): Millis {
  return millis(Math.max(0, ...rollout.plan.starts.map((s) => s.deadline)) || 60_000);
}

export function onStarting(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'instance-started':
      return rollout.deadline === null
        ? stay(rollout)
        : { rollout: { ...rollout, deadline: clockIn(now, startDeadline(rollout)) } };
    case 'healthy': {
      const known = withHealth(rollout, event.workload, { healthy: true, reason: null });
      if (allHealthy(known)) return { rollout: enterVerifying(known, now) };
      // Progress is more of them healthy than ever before: one that flaps gains no time.
      const count = Object.values(known.health).filter((h) => h.healthy).length;
      if (count <= rollout.mostHealthy) return { rollout: known };
      const deadline = known.deadline === null ? null : clockIn(now, startDeadline(rollout));
      return { rollout: { ...known, mostHealthy: count, deadline } };
    }
    case 'unhealthy':
      return { rollout: withHealth(rollout, event.workload, { healthy: false, reason: event.reason }) };
    case 'broken':
      return concerns(rollout, event.workload) ? { rollout: end(rollout, 'failed', event.reason) } : stay(rollout);
    case 'tick':
      return isDue(rollout, now) ? { rollout: end(rollout, 'failed', notHealthyInTime(rollout)) } : stay(rollout);
    case 'aborted':
      return { rollout: end(rollout, 'cancelled', aborted) };
    case 'superseded':
      return { rollout: superseded(rollout, event) };
    default:
      return stay(rollout);
  }
}

function enterVerifying(rollout: Rollout, now: Instant): Rollout {
  const entered: Rollout = { ...enter(rollout, 'verifying', clockIn(now, startDeadline(rollout))), verified: false };
  if (rollout.plan.smoke.length === 0 || rollout.kind === 'rollback') return { ...entered, verified: true, deadline: null };
  return ask(entered, { type: 'smoke-candidate' });
}

export function onVerifying(rollout: Rollout, event: RolloutEvent, now: Instant): Decision {
  switch (event.type) {
    case 'smoke-passed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: withoutNeedlessClock({ ...settle(rollout, event.effect), verified: true }) };
    case 'smoke-failed':
      if (!outstandingEffect(rollout, event.effect)) return stay(rollout);
      return { rollout: end(rollout, 'failed', event.reason) };
    case 'healthy':
      return { rollout: withoutNeedlessClock(withHealth(rollout, event.workload, { healthy: true, reason: null })) };
    case 'unhealthy': {
      if (!concerns(rollout, event.workload)) return stay(rollout);
      const known = withHealth(rollout, event.workload, { healthy: false, reason: event.reason });
      return { rollout: { ...known, deadline: known.deadline ?? clockIn(now, startDeadline(rollout)) } };
    }
    case 'broken':
      return concerns(rollout, event.workload) ? { rollout: end(rollout, 'failed', event.reason) } : stay(rollout);
    case 'tick':
      if (!isDue(rollout, now)) return stay(rollout);
      return { rollout: end(rollout, 'failed', rollout.verified ? notHealthyInTime(rollout) : smokeTimedOut) };
    case 'cleared': {
      if (!rollout.verified || !allHealthy(rollout)) return stay(rollout);
      const weight = rollout.plan.steps[0] ?? fullWeight;
      const first: Rollout = {
        ...enter(rollout, 'shifting', clockIn(now, publishDeadline)),
        from: event.from,
        fallback: event.fallback,
        baseline: event.baseline,
        crashesAtClearance: event.crashes ?? {},
        step: event.from === null ? rollout.plan.steps.length - 1 : 0,
        stepServed: false,
        movingSince: now,
        trafficMoved: true,
      };
      const arms = event.from === null ? allOn(rollout.release) : shared(event.from, rollout.release, weight);
      return { rollout: ask(first, { type: 'publish' }), arms };
    }
    case 'aborted':
      return { rollout: end(rollout, 'cancelled', aborted) };
    case 'superseded':
      return { rollout: superseded(rollout, event) };
    default:
      return stay(rollout);
  }
}

/** Whoever is verified and healthy waits for its clearance only, and that never fails by a deadline. */
const withoutNeedlessClock = (rollout: Rollout): Rollout =>
  rollout.verified && allHealthy(rollout) ? { ...rollout, deadline: null, clockLeft: null } : rollout;

export const concerns = (rollout: Rollout, workload: WorkloadId): boolean => rollout.health[workload] !== undefined;

export function withHealth(rollout: Rollout, workload: WorkloadId, health: WorkloadHealth): Rollout {
  return concerns(rollout, workload) ? { ...rollout, health: { ...rollout.health, [workload]: health } } : rollout;
}

export const allHealthy = (rollout: Rollout): boolean => Object.values(rollout.health).every((h) => h.healthy);

export const aborted: Reason = { code: 'ABORTED', message: 'Aborted by a person.' };
const smokeTimedOut: Reason = { code: 'SMOKE_FAILED', message: 'The smoke list on the new release did not finish in time.' };

export const newer = (by: string): Reason => ({ code: 'SUPERSEDED', message: `A newer deploy (${by}) took its place.` });

const superseded = (rollout: Rollout, event: Extract<RolloutEvent, { type: 'superseded' }>): Rollout =>
  end({ ...rollout, supersededBy: event.by }, 'superseded', newer(event.by));

/** Names what is not healthy and what was last wrong with it. */
export function notHealthyInTime(rollout: Rollout): Reason {
  const sick = Object.entries(rollout.health).find(([, h]) => !h.healthy);
  const start = rollout.plan.starts.find((s) => s.workload === sick?.[0]);
  const last = sick?.[1].reason;
  const message = `${start?.service ?? 'A service'} was not healthy within ${startDeadline(rollout) / 1000} s${last ? `; last: ${last.message}` : ''}`;
  return {
    code: 'HEALTH_DEADLINE',
    message,
    ...(start ? { service: start.service } : {}),
    ...(last?.log ? { log: last.log } : {}),
  };
}
