import { composeTable } from '../domain/compose-table.ts';
import type { ArtifactRef } from '../domain/release.ts';
import type { Endpoint, RouteTable } from '../domain/route-table.ts';
import { millis, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { Plant } from './plant.ts';

/** Keeps the data plane's table equal to what follows from the decisions. One commit at a time, the newest wins. */
export interface Publisher {
  /** Resolves when every worker serves a table composed after this call; tries until then. */
  ensure(): Promise<void>;
  /** Publishes if something has changed; faults are reported and tried again later. */
  kick(): void;
  /** Whether a table that some worker may serve leads to the workload: as long as it does, nobody may stop it. */
  leadsTo(workload: WorkloadId): boolean;
  stop(): void;
}

export interface PublisherPorts {
  readonly plant: Plant;
  readonly dataPlane: DataPlane;
  readonly clock: Clock;
  readonly endpoints: () => ReadonlyMap<WorkloadId, readonly Endpoint[]>;
  readonly folderOf: (artifact: ArtifactRef) => string;
  readonly onPublished: () => void;
  readonly onFault: (error: unknown) => void;
}

/** Versions of one control plane lie between its epoch and the next, so that they rise over restarts too. */
const versionsPerEpoch = 1_000_000_000;

export function createPublisher({
  plant,
  dataPlane,
  clock,
  endpoints,
  folderOf,
  onPublished,
  onFault,
}: PublisherPorts): Publisher {
  let version = (plant.epoch % 1_000_000) * versionsPerEpoch;
  let served: { readonly content: string; readonly pools: ReadonlySet<WorkloadId> } | null = null;
  /** Tables handed to workers and not acknowledged by all: any of them may be served. */
  let offered = new Set<WorkloadId>();
  let waiting: { resolve: () => void }[] = [];
  let running = false;
  let again = false;
  let stopped = false;
  let pause = 100;

  function compose(): RouteTable {
    return composeTable({
      version: version + 1,
      epoch: plant.epoch,
      environments: plant.environments(),
      rollouts: plant.rollouts(),
      releases: plant.releases(),
      endpoints: endpoints(),
      folderOf,
      earlier: plant.earlier(),
    });
  }

  async function publish(): Promise<void> {
    const settled = waiting;
    waiting = [];
    try {
      const table = compose();
      const content = JSON.stringify([table.splits, table.pools, table.links]);
      if (served?.content !== content) {
        version += 1;
        for (const pool of table.pools) offered.add(pool.id);
        await dataPlane.prepare(table.pools, plant.epoch);
        await dataPlane.commit(table);
        served = { content, pools: new Set(table.pools.map((p) => p.id)) };
        offered = new Set(served.pools);
        onPublished();
      }
      pause = 100;
      for (const { resolve } of settled) resolve();
    } catch (error) {
      waiting = [...settled, ...waiting];
      // What workers serve is unknown now: the next table is sent whatever its content.
      served = null;
      onFault(error);
      await new Promise<void>((resolve) => {
        clock.after(millis(pause), resolve);
      });
      pause = Math.min(pause * 2, 2000);
      again = true;
    }
  }

  async function loop(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await publish();
    } while ((again || waiting.length > 0) && !stopped);
    running = false;
  }

  return {
    ensure: () =>
      new Promise((resolve) => {
        waiting.push({ resolve });
        void loop();
      }),
    kick: () => {
      if (!stopped) void loop();
    },
    leadsTo: (workload) => served === null || offered.has(workload),
    stop: () => {
      stopped = true;
    },
  };
}
