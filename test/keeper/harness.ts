import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type KeeperClient, openKeeperClient } from '../../src/keeper/client.ts';
import type { KeeperLaunch } from '../../src/keeper/launch.ts';
import { environmentValue, hasEnded, livingProcesses, markerName, readStat } from '../../src/keeper/processes.ts';
import type { InstanceState, LaunchSpec, RunSpec } from '../../src/keeper/protocol.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = process.env['SIGNALBOX_TEST_DIST'] ?? join(root, 'dist');
export const fixture = (name: string): string => join(root, 'test/fixtures/apps', name);

/** Waits until `probe` gives something else than undefined, null or false. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await wait(20);
  }
}

export const processIsThere = (pid: number): boolean => {
  const stat = readStat(pid);
  return stat !== null && !hasEnded(stat);
};

export interface Home {
  readonly dir: string;
  readonly homeId: string;
  readonly launch: KeeperLaunch;
  connect(): Promise<KeeperClient>;
  /** kill -9 of the running keeper; resolves when it is gone. */
  killKeeper(): Promise<number>;
  spec(id: string, app: string, env?: Record<string, string>, more?: Partial<LaunchSpec>): LaunchSpec;
  runSpec(id: string, command: string, env?: Record<string, string>): RunSpec;
  log(id: string): string;
  /** Living processes of this home's instances and runs. */
  living(id?: string): number[];
  /** Ends everything this home ever started. */
  destroy(): Promise<void>;
}

export function makeHome(): Home {
  const dir = mkdtempSync(join(tmpdir(), 'sb-keeper-'));
  const homeId = randomBytes(6).toString('hex');
  const config = { dir: join(dir, 'keeper'), socket: join(dir, 'k.sock'), homeId, version: 'test' };
  const launch = {
    config,
    program: join(dist, 'keeper/main.js'),
    proxyDir: join(dir, 'proxy'),
    logFile: join(dir, 'keeper.log'),
  };
  const clients: KeeperClient[] = [];
  const logFile = (id: string): string => join(dir, 'logs', `${id}.log`);
  const base = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: dir,
    npm_config_update_notifier: 'false',
  };
  const living = (id?: string): number[] =>
    livingProcesses().flatMap(({ pid }) => {
      const marker = environmentValue(textOf(pid, 'environ'), markerName);
      return marker !== null && (id === undefined ? marker.startsWith(`${homeId}:`) : marker === `${homeId}:${id}`) ? [pid] : [];
    });
  return {
    dir,
    homeId,
    launch,
    connect: async () => {
      const client = await openKeeperClient(launch);
      clients.push(client);
      return client;
    },
    killKeeper: async () => {
      const pid = pidIn(join(config.dir, 'keeper.pid')) ?? 0;
      process.kill(pid, 'SIGKILL');
      await until('the keeper to be gone', () => !processIsThere(pid));
      return pid;
    },
    spec: (id, app, env = {}, more = {}) => ({
      id,
      argv: [process.execPath, 'server.js'],
      cwd: fixture(app),
      env: { ...base, ...env },
      logFile: logFile(id),
      logBytes: 1024 * 1024,
      limits: {},
      backoff: { minMs: 100, maxMs: 2000, stableMs: 5000 },
      labels: { app },
      ...more,
    }),
    runSpec: (id, command, env = {}) => ({
      id,
      argv: ['/bin/sh', '-c', command],
      cwd: dir,
      env: { ...base, ...env },
      logFile: logFile(id),
      logBytes: 1024 * 1024,
      limits: {},
      nice: 0,
      labels: {},
    }),
    log: (id) => (existsSync(logFile(id)) ? readFileSync(logFile(id), 'utf8') : ''),
    living,
    destroy: async () => {
      for (const client of clients) client.close();
      // One that a client was just starting may still appear.
      for (let quiet = 0; quiet < 3; quiet++) {
        const left = [...living(), ...withVariable('SIGNALBOX_WORKER', `${homeId}:`), ...keepersOf(config.dir)];
        for (const pid of left) kill(pid);
        if (left.length > 0) quiet = -1;
        await wait(15);
      }
      removeGroups(homeId);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Control groups that a killed keeper could not remove itself; a zombie may hold them for a moment. */
function removeGroups(homeId: string): void {
  for (const controller of ['', 'memory', 'cpu', 'pids']) {
    const parent = join('/sys/fs/cgroup', controller, `signalbox-${homeId}`);
    if (!existsSync(parent)) continue;
    const folders = readdirSync(parent, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(parent, entry.name)] : [],
    );
    for (const folder of [...folders, parent]) {
      try {
        rmdirSync(folder);
      } catch {
        // Costs nothing.
      }
    }
  }
}

const pidIn = (file: string): number | null => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : null);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

const keepersOf = (dir: string): number[] =>
  livingProcesses().flatMap(({ pid }) => {
    const command = textOf(pid, 'cmdline');
    return command.includes('keeper/main.js') && command.includes(`"${dir}"`) ? [pid] : [];
  });

/** Living processes that were started with this variable, its value beginning like that. */
export const withVariable = (name: string, start: string): number[] =>
  livingProcesses().flatMap(({ pid }) => (environmentValue(textOf(pid, 'environ'), name)?.startsWith(start) ? [pid] : []));

export async function stateOf(client: KeeperClient, id: string): Promise<InstanceState | undefined> {
  return (await client.call('list', {})).instances.find((instance) => instance.id === id);
}

/** Waits until the instance runs with another pid than `before`. */
export const running = (client: KeeperClient, id: string, before?: number | null): Promise<InstanceState> =>
  until(`${id} to run`, async () => {
    const state = await stateOf(client, id);
    return state?.state === 'running' && state.pid !== null && state.pid !== before ? state : undefined;
  });
