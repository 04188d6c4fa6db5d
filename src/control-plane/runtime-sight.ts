import { activePhase } from '../domain/desired.ts';
import type { Rollout } from '../domain/rollout/state.ts';
import { type Instant, millis, type RolloutId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { InstanceObservation, Runtime } from '../ports/runtime.ts';
import type { HealthMonitor } from './commands.ts';
import type { Plant } from './plant.ts';

/**
 * Whether what goes wrong may be held against a release. An engine that ends takes its containers along, and is gone before they are:
 * so a failure counts only when the runtime was seen to be there after it, and not while what it brings back is still starting. The
 * same where instances ended by nobody's fault, say because somebody removed their containers.
 */
export interface RuntimeSight {
  /** Asks the runtime; `onChange` tells when the answer is there. Calls are merged. */
  ask(): void;
  /** The same, unless it was asked in the last few seconds. */
  askNowAndThen(): void;
  /** The runtime was there at some moment after this one. */
  wasThereAfter(moment: Instant): boolean;
  /** It is away, or what it took away of this rollout is not back yet. */
  isDisturbed(rollout: Rollout): boolean;
  /** Asks now. False: away or disturbed, and nothing that failed is anybody's fault. */
  isSteady(rollout: Rollout): Promise<boolean>;
  stop(): void;
}

export interface RuntimeSightPorts {
  readonly runtime: Pick<Runtime, 'observe'>;
  readonly plant: Plant;
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** A runtime that does not answer within this time is away. */
const longestAnswer = millis(5000);
const askAgain = millis(500);
const nowAndThen = 2000;
/** What was running has this long to be healthy again once the runtime is back; then it is judged as ever. */
const comeback = millis(60_000);
/** A request counts when it has ended: those that met nobody are counted when everything is back already. */
const settling = millis(2000);

const isNobodysFault = ({ reason }: NonNullable<InstanceObservation['lastExit']>): boolean =>
  reason === 'unobserved' || reason === 'removed';

export function createRuntimeSight({ runtime, plant, monitor, clock, onChange }: RuntimeSightPorts): RuntimeSight {
  let asking: Promise<void> | undefined;
  let seenAt: Instant | null = null;
  let askedAt = clock.now();
  let away = false;
  let backAt: Instant = clock.now();
  let stopped = false;
  let cancelTimer = (): void => undefined;
  /** Rollouts during which the runtime was away or lost something of theirs -> since when what they consist of is back; null: not yet. */
  const disturbed = new Map<RolloutId, Instant | null>();
  /** Instance -> its end that was nobody's fault and has been taken in. */
  const losses = new Map<string, number>();

  const look = async (): Promise<void> => {
    const began = clock.now();
    askedAt = began;
    let cancelLimit = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancelLimit = clock.after(longestAnswer, () => reject(new Error('no answer')));
    });
    try {
      const seen = await Promise.race([runtime.observe(), late]);
      seenAt = began;
      if (away) backAt = clock.now();
      away = false;
      takeIn(seen);
    } catch {
      away = true;
      for (const rollout of plant.rollouts()) disturbed.set(rollout.id, null);
      cancelTimer();
      if (!stopped) cancelTimer = clock.after(askAgain, ask);
    } finally {
      cancelLimit();
      asking = undefined;
    }
    if (!stopped) onChange();
  };
  const takeIn = (seen: readonly InstanceObservation[]): void => {
    const lost = seen.filter(({ instance, lastExit }) => {
      const isNew = lastExit !== null && isNobodysFault(lastExit) && losses.get(instance) !== lastExit.at;
      if (isNew) losses.set(instance, lastExit.at);
      return isNew && clock.wall() - lastExit.at < comeback;
    });
    for (const id of losses.keys()) if (!seen.some(({ instance }) => instance === id)) losses.delete(id);
    for (const rollout of plant.rollouts()) {
      const own = plant.releases().get(rollout.release)?.services ?? [];
      if (!lost.some(({ workload }) => own.some((service) => service.workload.id === workload))) continue;
      disturbed.set(rollout.id, null);
      backAt = clock.now();
    }
  };
  const ask = (): void => {
    if (!stopped) asking ??= look();
  };
  const isBack = (rollout: Rollout): boolean =>
    (plant.releases().get(rollout.release)?.services ?? []).every(
      ({ workload }) =>
        workload.kind === 'static' || rollout.health[workload.id]?.healthy === false || monitor.level(workload.id).healthy,
    );
  const isDisturbed = (rollout: Rollout): boolean => {
    if (away) {
      disturbed.set(rollout.id, null);
      return true;
    }
    const since = disturbed.get(rollout.id);
    if (since === undefined) return false;
    if (!isBack(rollout)) {
      disturbed.set(rollout.id, null);
      if (clock.now() - backAt < comeback) return true;
    } else if (since === null || clock.now() - since < settling) {
      disturbed.set(rollout.id, since ?? clock.now());
      return true;
    }
    disturbed.delete(rollout.id);
    for (const id of disturbed.keys()) if (activePhase(plant.rollout(id) ?? rollout) === null) disturbed.delete(id);
    return false;
  };

  return {
    ask,
    askNowAndThen: () => {
      if (clock.now() - askedAt >= nowAndThen) ask();
    },
    wasThereAfter: (moment) => !away && seenAt !== null && seenAt >= moment,
    isDisturbed,
    isSteady: async (rollout) => {
      await asking;
      await (asking ??= look());
      return !isDisturbed(plant.rollout(rollout.id) ?? rollout);
    },
    stop: () => {
      stopped = true;
      cancelTimer();
    },
  };
}
