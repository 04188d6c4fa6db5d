import { releasesNeeded } from '../domain/desired.ts';
import type { Release } from '../domain/release.ts';
import { millis } from '../domain/values.ts';
import type { Builder } from '../ports/builder.ts';
import type { Clock } from '../ports/clock.ts';
import type { StepLogs } from '../ports/pipeline.ts';
import type { Store } from '../ports/store.ts';
import type { Plant } from './plant.ts';

/** How much history is kept: by count and by bytes, whichever is reached first. Nothing that serves or may be needed for a rollback in progress is removed. */
export interface Retention {
  readonly releasesPerEnvironment: number;
  readonly events: number;
  readonly artifacts: number;
  readonly artifactBytes: number;
}

export interface Housekeeping {
  /** Something has changed: tidies up soon, when nothing is under way. */
  kick(): void;
  stop(): void;
}

export interface HousekeepingPorts {
  readonly plant: Plant;
  readonly store: Store;
  readonly builder: Builder;
  readonly stepLogs: Pick<StepLogs, 'prune'>;
  readonly clock: Clock;
  readonly retention: Retention;
  readonly onFault: (error: unknown) => void;
}

/** Quiet time before tidying up. */
const calm = millis(30_000);
/** Newest runs of an app whose output is kept; at most 4 MiB for each of their steps. */
const keptRunLogs = 100;

export function createHousekeeping({
  plant,
  store,
  builder,
  stepLogs,
  clock,
  retention,
  onFault,
}: HousekeepingPorts): Housekeeping {
  let stopped = false;
  let cancel = (): void => undefined;

  async function tidy(): Promise<void> {
    // What a run has just built is needed by nobody else yet.
    if (plant.rollouts().some((r) => r.phase !== 'held') || plant.runs().length > 0) return;
    const needed = new Set(
      plant.environments().flatMap((e) => [...releasesNeeded(e, plant.rollouts(e.key)), ...(e.proven ? [e.proven] : [])]),
    );
    await store.prune({ releasesPerEnvironment: retention.releasesPerEnvironment, events: retention.events, keep: [...needed] });
    const inUse: Release[] = [];
    for (const id of needed) {
      const release = await store.release(id);
      if (release) inUse.push(release);
    }
    const assets = [...plant.earlier().values()].flat();
    const keep = new Set([...inUse, ...assets].flatMap((r) => r.services.map((s) => s.build.key as string)));
    for (const { name } of await store.apps()) {
      const runs = await store.runs({ app: name }, { limit: keptRunLogs });
      await stepLogs.prune(name, new Set(runs.map(({ id }) => id)));
    }
    await builder.prune(keep, { count: retention.artifacts, bytes: retention.artifactBytes });
  }

  return {
    kick: () => {
      cancel();
      if (!stopped) cancel = clock.after(calm, () => void tidy().catch(onFault));
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
