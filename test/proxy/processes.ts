import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Endpoint } from '../../src/domain/route-table.ts';
import type { InstanceId } from '../../src/domain/values.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const dist = process.env['SIGNALBOX_TEST_DIST'] ?? `${root}dist`;

/** Waits until `probe` gives something else than undefined, null or false. */
export async function until<T>(what: string, probe: () => T | Promise<T>, ms = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A running fixture program. */
export interface App {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly endpoint: Endpoint;
  stats(): Promise<{ seen: number; disconnects: number; written: number; paths: string[]; posts: Record<string, number> }>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Starts `test/fixtures/upstreams/<program>.mjs`, whose first line of output is its port. */
export async function startApp(
  name: string,
  options: { program?: string; port?: number; env?: Record<string, string> } = {},
): Promise<App> {
  const program = fileURLToPath(new URL(`../fixtures/upstreams/${options.program ?? 'app'}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [program, name, String(options.port ?? 0)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...options.env },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const port = Number(line.toString());
  return {
    name,
    port,
    pid: child.pid as number,
    endpoint: { instance: `${name}.0` as InstanceId, host: '127.0.0.1', port, healthy: true },
    stats: async () => (await (await fetch(`http://127.0.0.1:${port}/stats`)).json()) as never,
    kill: () => end(child),
  };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Ends what a test file started; for `afterAll`. */
export async function endApps(): Promise<void> {
  await Promise.all([...running].map(end));
}
