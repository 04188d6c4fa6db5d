import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { networkName } from './adapters/runtime/docker/names.ts';
import { openDockerRuntime } from './adapters/runtime/docker/runtime.ts';
import { lastingRoot } from './adapters/runtime/docker/specs.ts';
import type { HomeLayout } from './config/home.ts';
import type { AccessoryPorts } from './dev/accessories.ts';
import type { PlacedAccessory } from './dev/accessory-places.ts';
import { pgadminServers, pgadminVariables, postgresPort, serversFolder } from './dev/pgadmin.ts';
import { SignalboxError } from './domain/errors.ts';
import type { Workload } from './domain/release.ts';
import { type Epoch, millis } from './domain/values.ts';
import { openEngine } from './engine/client.ts';
import type { KeeperClient } from './keeper/client.ts';
import type { Runtime } from './ports/runtime.ts';

/** Accessories of one folder as containers. */
export interface DevContainers {
  readonly runtime: Runtime;
  /** What pgAdmin gets besides: the databases, and a way to those that are processes of this machine. */
  readonly changed: NonNullable<AccessoryPorts['changed']>;
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
  /** Told when an image is not here yet: fetching it may take minutes. */
  readonly onFetch: (accessory: string, image: string) => void;
}

export function openDevContainers(options: DevContainersOptions): DevContainers {
  const { keeper, homeId, epoch, engineSocket, home, persist, specs } = options;
  const links: string[] = [];
  const runtime = openDockerRuntime({
    keeper,
    homeId,
    epoch,
    engineSocket,
    folders: { warden: join(home.root, 'warden'), socket: join(home.run, 'warden.sock'), persist, logs: home.logs },
    program: fileURLToPath(new URL('./adapters/runtime/docker/warden/main.js', import.meta.url)),
    links: () => Promise.resolve(links),
  });
  /** The machine's own address in the network of the accessories: what makes the network is a command that does nothing. */
  const gatewayOf = async (workload: Workload): Promise<string> => {
    await runtime.run({ id: `network-${epoch}`, workload, command: 'true', env: {}, timeout: networkTimeout, epoch });
    const engine = openEngine(engineSocket);
    try {
      const answer = await engine.call<Network>('GET', `/networks/${encodeURIComponent(networkName(homeId, workload))}`);
      const gateway = answer.ok ? answer.body.IPAM.Config?.[0]?.Gateway : undefined;
      if (gateway !== undefined) return gateway;
      throw new SignalboxError('START_FAILED', `${workload.service}: the network of containers has no address of this machine.`);
    } finally {
      await engine.close();
    }
  };

  return {
    runtime,
    changed: async (workload, spec, valuesOf) => {
      const { given } = workload.artifact;
      if (given && 'image' in given && !(await isHere(engineSocket, given.image))) options.onFetch(spec.name, given.image);
      const inContainer = specs.some((one) => one.spec === spec && one.kind === 'docker');
      const databases = specs.filter((one) => one.spec.type === 'postgres');
      if (spec.type !== 'pgadmin' || !inContainer || databases.length === 0) return workload;
      const local = databases
        .filter(({ kind }) => kind === 'process')
        .map((one) => Number(valuesOf(one.spec.name)?.['port'] ?? 0));
      const gateway = local.length === 0 ? '' : await gatewayOf(workload);
      const servers = pgadminServers(
        databases.map((one) =>
          one.kind === 'docker'
            ? { spec: one.spec, host: one.spec.name, port: postgresPort }
            : { spec: one.spec, host: gateway, port: Number(valuesOf(one.spec.name)?.['port'] ?? 0) },
        ),
      );
      const folder = join(lastingRoot(persist, workload), serversFolder);
      mkdirSync(folder, { recursive: true });
      // For the image's own user, whoever that is; no secret is in it.
      chmodSync(folder, 0o755);
      const file = join(folder, 'servers.json');
      writeFileSync(file, servers);
      chmodSync(file, 0o644);
      links.push(...local.map((port) => `http://127.0.0.1:${port}`));
      // A port that a variable names is what its container, and no other, gets to at the gateway.
      const named = local.length === 0 ? {} : { SIGNALBOX_DATABASES: local.map((port) => `127.0.0.1:${port}`).join(' ') };
      return {
        ...workload,
        persist: [...workload.persist, serversFolder],
        env: { ...pgadminVariables, ...named, ...workload.env },
      };
    },
    endAll: async () => {
      try {
        await runtime.endAll(epoch);
        // Of commands that made a network: one is made anew each time.
        rmSync(join(home.root, 'warden', 'runs'), { recursive: true, force: true });
      } finally {
        await runtime.close();
      }
    },
  };
}

const networkTimeout = millis(60_000);

interface Network {
  readonly IPAM: { readonly Config: readonly { readonly Gateway?: string }[] | null };
}

async function isHere(socket: string, image: string): Promise<boolean> {
  const engine = openEngine(socket);
  try {
    return (await engine.call('GET', `/images/${encodeURIComponent(image)}/json`)).ok;
  } finally {
    await engine.close();
  }
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
