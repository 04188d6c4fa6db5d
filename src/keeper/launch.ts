import { spawn } from 'node:child_process';
import { closeSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectWire, type WireClient } from '../wire/client.ts';
import type { Events } from '../wire/protocol.ts';
import { WireError } from '../wire/server.ts';
import { openOutput } from './output.ts';
import { isAlive } from './processes.ts';
import type { KeeperConfig, KeeperEvents, KeeperMethods } from './protocol.ts';
import { readJson } from './state.ts';
import type { WorkerRecord } from './workers.ts';

export type KeeperConnection = WireClient<KeeperMethods, KeeperEvents>;

export interface KeeperLaunch {
  readonly config: KeeperConfig;
  /** The compiled keeper, e.g. dist/keeper/main.js. */
  readonly program: string;
  /** Folder with the proxy workers' control sockets. */
  readonly proxyDir: string;
  readonly logFile: string;
}

type ListenerHolder = {
  'spawn-with-listeners': {
    params: { readonly argv: readonly string[]; readonly logFile: string };
    result: { readonly pid: number };
  };
};

/** It holds little and lives long: memory is worth more to it than speed. */
const nodeArgs = ['--max-semi-space-size=1', '--max-old-space-size=96'];
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How long a living worker that does not answer yet is waited for before its listeners are given up, ms. */
const workerPatienceMs = 5000;
const startMs = 10_000;

/**
 * Connects to the keeper; starts one when there is none. The listening sockets of a lost keeper live on in its proxy workers: one
 * of them starts the new keeper, so that no port is closed for an instant. Two callers at once end with one keeper.
 * @throws WireError KEEPER_UNAVAILABLE with the place of its log.
 */
export async function ensureKeeper(launch: KeeperLaunch): Promise<KeeperConnection> {
  const there = await connect(launch.config.socket);
  if (there) return there;
  await startKeeper(launch);
  const deadline = performance.now() + startMs;
  for (let pause = 5; performance.now() < deadline; pause = Math.min(100, pause * 1.5)) {
    const connection = await connect(launch.config.socket);
    if (connection) return connection;
    await wait(pause);
  }
  throw new WireError('KEEPER_UNAVAILABLE', `The keeper did not come up within ${startMs / 1000} s; see ${launch.logFile}.`);
}

const connect = (socket: string): Promise<KeeperConnection | null> =>
  connectWire<KeeperMethods, KeeperEvents>(socket).catch(() => null);

async function startKeeper(launch: KeeperLaunch): Promise<void> {
  const argv = [process.execPath, ...nodeArgs, launch.program, JSON.stringify(launch.config)] as const;
  const deadline = performance.now() + workerPatienceMs;
  do {
    if (await startByWorker(launch, argv)) return;
    const there = await connect(launch.config.socket);
    if (there) {
      there.close();
      return;
    }
    if (!someWorkerLives(launch)) break;
    await wait(50);
  } while (performance.now() < deadline);
  startAfresh(launch, argv);
}

const someWorkerLives = ({ config }: KeeperLaunch): boolean =>
  ((readJson(join(config.dir, 'workers.json')) as WorkerRecord[] | undefined) ?? []).some(
    ({ process }) => process !== null && isAlive(process),
  );

async function startByWorker({ proxyDir, logFile }: KeeperLaunch, argv: readonly string[]): Promise<boolean> {
  for (const socket of controlSockets(proxyDir)) {
    const worker = await connectWire<ListenerHolder, Events>(socket).catch(() => null);
    if (!worker) continue;
    try {
      await worker.call('spawn-with-listeners', { argv, logFile }, 3000);
      return true;
    } catch {
      // A worker of another version, or one that is ending: the next one may do.
    } finally {
      worker.close();
    }
  }
  return false;
}

function controlSockets(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sock'))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function startAfresh({ logFile }: KeeperLaunch, [command, ...args]: readonly [string, ...string[]]): void {
  const output = openOutput(logFile);
  try {
    const child = spawn(command, args, { cwd: '/', env: { PATH: path }, detached: true, stdio: ['ignore', output, output] });
    child.on('error', () => {});
    child.unref();
  } finally {
    closeSync(output);
  }
}
