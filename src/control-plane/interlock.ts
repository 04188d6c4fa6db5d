import { activePhase } from '../domain/desired.ts';
import { stableRelease } from '../domain/environment-state.ts';
import type { RolloutEvent } from '../domain/rollout/events.ts';
import type { Rollout } from '../domain/rollout/state.ts';
import { millis, type RolloutId, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { HealthMonitor } from './commands.ts';
import { type Controller, movesTraffic, readyToShift } from './controller.ts';
import { mergeCalls } from './merge-calls.ts';
import type { Draft, Plant } from './plant.ts';
import type { Signals } from './signals.ts';

/**
 * Lets one rollout of an environment after another go on: starts the queued, and clears a verified one to move traffic when no
 * other one does and its health was seen a moment ago. Also wakes rollouts when their clock runs out.
 */
export interface Interlock {
  kick(): void;
  stop(): void;
}

export interface InterlockPorts {
  readonly plant: Plant;
  readonly controller: Controller;
  readonly monitor: HealthMonitor;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

const retry = millis(250);
const longestNap = 1000;
/** While a clock runs, the time is on record at least this often. */
const recordEvery = millis(5000);

export function createInterlock({ plant, controller, monitor, signals, clock, onFault }: InterlockPorts): Interlock {
  const { kick, stop } = mergeCalls(turn, fault);
  let cancelTimer = (): void => undefined;
  let recordTried = clock.now();

  /** So that a crash of this control plane makes at most so much of a watch be watched again. */
  async function recordTime(): Promise<void> {
    const runs = plant.rollouts().some((r) => r.deadline !== null);
    if (!runs || clock.now() - Math.max(plant.recordedAt(), recordTried) < recordEvery) return;
    recordTried = clock.now();
    await plant.decide(() => Promise.resolve({ draft: {}, result: undefined }));
  }

  /** Environments side by side: a probe that hangs in one, or a rollout that cannot go on, holds up no other. */
  async function pass(): Promise<void> {
    const environments = new Set(plant.rollouts().map((r) => r.environment));
    await Promise.all(
      [...environments].map(async (key) => {
        for (const rollout of plant.rollouts(key)) await turnOf(rollout).catch(fault);
      }),
    );
    await recordTime();
  }

  async function turnOf(rollout: Rollout): Promise<void> {
    if (rollout.phase === 'queued' && isFree(rollout)) await start(rollout);
    else if (readyToShift(rollout) && !others(rollout).some(movesTraffic)) await clear(rollout);
    else if (rollout.deadline !== null && clock.now() >= rollout.deadline) await wake(rollout);
  }

  const others = (rollout: Rollout): readonly Rollout[] => plant.rollouts(rollout.environment).filter((r) => r.id !== rollout.id);

  /** A queued rollout waits for everything but a bake, which goes on until there is something to put in its place. */
  const isFree = (rollout: Rollout): boolean =>
    others(rollout).every((r) => {
      const phase = activePhase(r);
      return phase === null || phase === 'baking' || (phase === 'queued' && r.id > rollout.id);
    });

  async function start(rollout: Rollout): Promise<void> {
    const ready =
      rollout.plan.builds.every((b) => b.cached) &&
      rollout.plan.releaseCommands.length === 0 &&
      rollout.kind === 'rollback' &&
      allRun(rollout);
    const counts = signals.counters(rollout.environment)?.counts ?? {};
    await controller.send(rollout.id, { type: 'started', wall: clock.wall(), ready, counts });
    if (ready) {
      const now = plant.rollout(rollout.id);
      if (now && readyToShift(now) && !others(now).some(movesTraffic)) await clear(now);
    }
  }

  const allRun = (rollout: Rollout): boolean =>
    (plant.releases().get(rollout.release)?.services ?? []).every(
      (s) => s.workload.kind === 'static' || monitor.level(s.workload.id).healthy,
    );

  /** Health is looked at once more at the very instant; only then does the signal clear. */
  async function clear(rollout: Rollout): Promise<void> {
    const sick = await monitor.probeNow(Object.keys(rollout.health) as WorkloadId[]);
    if (sick !== null) {
      signals.feed();
      clock.after(retry, kick);
      return;
    }
    await plant.decide(async () => ({ draft: await clearance(rollout.id), result: undefined }));
  }

  /** On what the decisions before this one have left: a bake may have failed, a person may have said stop. */
  async function clearance(id: RolloutId): Promise<Draft | null> {
    const rollout = plant.rollout(id);
    const environment = rollout && plant.environment(rollout.environment);
    if (!rollout || !environment || !readyToShift(rollout) || others(rollout).some(movesTraffic)) return null;
    const from = stableRelease(environment);
    const event: RolloutEvent = {
      type: 'cleared',
      from: from === rollout.release ? null : from,
      fallback: environment.proven === rollout.release ? null : environment.proven,
      baseline: signals.baseline(from),
      crashes: Object.fromEntries(Object.keys(rollout.health).map((w) => [w, monitor.level(w as WorkloadId).recordedCrashes])),
    };
    const replaced = others(rollout).filter((r) => activePhase(r) === 'baking');
    const given = await controller.apply(
      {},
      replaced.map((r) => ({ rollout: r, events: [...lastCounts(r), { type: 'superseded', by: id } as const] })),
    );
    // The newest counts may have failed a bake: then its undoing comes first, and this one waits for it.
    if (given.rollouts?.some(movesTraffic)) return given;
    return controller.apply(given, [{ rollout, events: [event] }]);
  }

  const lastCounts = (rollout: Rollout): readonly RolloutEvent[] => {
    const counts = signals.counters(rollout.environment);
    return counts ? [counts] : [];
  };

  const wake = async (rollout: Rollout): Promise<void> => {
    await controller.send(rollout.id, ...lastCounts(rollout), { type: 'tick' });
  };

  async function turn(): Promise<void> {
    try {
      await pass();
    } finally {
      arm();
    }
  }

  function fault(error: unknown): void {
    onFault(error);
    clock.after(retry, kick);
  }

  function arm(): void {
    cancelTimer();
    const left = plant.rollouts().flatMap((r) => (r.deadline === null ? [] : [r.deadline - clock.now()]));
    // A deadline that has passed and is waited beyond (a bake that is not healthy yet) needs no hurry.
    const next = Math.min(...left.map((ms) => (ms > 0 ? ms : retry)), longestNap);
    cancelTimer = clock.after(millis(next), kick);
  }

  return {
    kick,
    stop: () => {
      stop();
      cancelTimer();
    },
  };
}
