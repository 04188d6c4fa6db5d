import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDockerRuntime } from './adapters/runtime/docker/runtime.ts';
import { lastingRoot } from './adapters/runtime/docker/specs.ts';
import type { HomeLayout } from './config/home.ts';
import type { PlacedAccessory } from './dev/accessory-places.ts';
import { pgadminServers, pgadminVariables, serversFolder } from './dev/pgadmin.ts';
import type { AccessorySpec } from './domain/accessories.ts';
import type { Workload } from './domain/release.ts';
import type { Epoch } from './domain/values.ts';
import { openEngine } from './engine/client.ts';
import type { KeeperClient } from './keeper/client.ts';
import type { Runtime } from './ports/runtime.ts';

/** Accessories of one folder as containers. */
export interface DevContainers {
  readonly runtime: Runtime;
  /** What pgAdmin gets besides: the databases that run as containers, too. */
  readonly changed: (workload: Workload, spec: AccessorySpec) => Workload;
  /** Ends and removes every container, network and volume of the folder; the data stays. Then the runtime is closed. */
  endAll(): Promise<void>;
}

export interface DevContainersOptions {
  readonly keeper: Pick<KeeperClient, 'call'>;
  readonly homeId: string;
  readonly epoch: Epoch;
  readonly engineSocket: string;
  readonly home: HomeLayout;
  readonly persist: string;
  readonly specs: readonly PlacedAccessory[];
}

export function openDevContainers(options: DevContainersOptions): DevContainers {
  const { keeper, homeId, epoch, engineSocket, home, persist, specs } = options;
  const runtime = openDockerRuntime({
    keeper,
    homeId,
    epoch,
    engineSocket,
    folders: { warden: join(home.root, 'warden'), socket: join(home.run, 'warden.sock'), persist, logs: home.logs },
    program: fileURLToPath(new URL('./adapters/runtime/docker/warden/main.js', import.meta.url)),
    links: () => Promise.resolve([]),
  });
  const databases = specs.flatMap(({ spec, kind }) => (kind === 'docker' ? [spec] : []));
  return {
    runtime,
    changed: (workload, spec) => {
      const servers = spec.type === 'pgadmin' ? pgadminServers(databases) : null;
      if (servers === null || !('image' in (workload.artifact.given ?? {}))) return workload;
      const folder = join(lastingRoot(persist, workload), serversFolder);
      mkdirSync(folder, { recursive: true });
      // For the image's own user, whoever that is; no secret is in it.
      chmodSync(folder, 0o755);
      const file = join(folder, 'servers.json');
      writeFileSync(file, servers);
      chmodSync(file, 0o644);
      return {
        ...workload,
        persist: [...workload.persist, serversFolder],
        env: { ...pgadminVariables, ...workload.env },
      };
    },
    endAll: async () => {
      try {
        await runtime.endAll(epoch);
      } finally {
        await runtime.close();
      }
    },
  };
}

/** Why the engine at the socket cannot be used, or null. */
export async function engineTrouble(socket: string): Promise<string | null> {
  const engine = openEngine(socket);
  try {
    await engine.version();
    return null;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return `no Docker engine answers at ${socket} (${why.replace(/\.$/, '')}).`;
  } finally {
    await engine.close();
  }
}
