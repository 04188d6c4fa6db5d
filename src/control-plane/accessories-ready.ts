import { accessoryId } from '../domain/accessories.ts';
import type { Release } from '../domain/release.ts';
import type { PlannedAccessory } from '../domain/rollout/plan.ts';
import type { Reason } from '../domain/rollout/state.ts';
import { millis, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { Accessories } from './accessories.ts';
import type { HealthMonitor } from './commands.ts';

export interface ReadinessPorts {
  readonly accessories: Accessories;
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  readonly lastLines: (workload: WorkloadId) => Promise<readonly string[]>;
}

/** Before it has started its image may have to be fetched. */
const untilStarted = millis(600_000);
const look = millis(100);
/** Ended by itself this often: waiting does not help. */
const startAttempts = 3;

/**
 * Waits until every accessory that a rollout needs is healthy; each has its own deadline, counted from its start.
 * @returns why one is not, or null. Gives up, with null, when the signal aborts.
 */
export async function untilAccessoriesReady(
  ports: ReadinessPorts,
  what: { readonly release: Release; readonly planned: readonly PlannedAccessory[]; readonly signal: AbortSignal },
): Promise<Reason | null> {
  const { accessories, monitor, clock } = ports;
  const { release, planned, signal } = what;
  const began = clock.now();
  const startedAt = new Map<WorkloadId, number>();
  /** Crashes from before anybody waited say nothing about this start. */
  const crashesBefore = new Map<WorkloadId, number>();

  const trouble = (one: PlannedAccessory, id: WorkloadId): string | null => {
    const level = monitor.level(id);
    const refused = accessories.refusal(id);
    if (refused) return refused.message;
    if (level.fault) return level.fault.message;
    const before = crashesBefore.get(id) ?? level.crashes;
    crashesBefore.set(id, before);
    const crashes = level.crashes - before;
    if (crashes >= startAttempts) return `${one.name} ${level.lastExit ?? 'ended'} at its start, ${crashes} times in a row`;
    if (level.started && !startedAt.has(id)) startedAt.set(id, clock.now());
    const started = startedAt.get(id);
    if (started === undefined)
      return clock.now() - began > untilStarted ? `${one.name} was not started within ${untilStarted / 60_000} min` : null;
    if (clock.now() - started <= one.deadline) return null;
    return `${one.name} was not healthy within ${one.deadline / 1000} s${level.detail ? `; last: ${level.detail}` : ''}`;
  };

  while (!signal.aborted) {
    const sick = planned
      .map((one) => ({ one, id: accessoryId(release.app, release.environment, one.name) }))
      .filter(({ id }) => !monitor.level(id).healthy);
    if (sick.length === 0) return null;
    for (const { one, id } of sick) {
      const message = trouble(one, id);
      if (message === null) continue;
      const sentence = message.endsWith('.') ? message : `${message}.`;
      return { code: 'ACCESSORY_UNHEALTHY', message: sentence, service: one.name, log: await ports.lastLines(id) };
    }
    await new Promise<void>((resolve) => {
      clock.after(look, resolve);
    });
  }
  return null;
}
