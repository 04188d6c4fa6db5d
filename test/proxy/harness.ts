import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouteTable } from '../../src/domain/route-table.ts';
import type { ArmCounts, ProxyEvents, ProxyLimits, ProxyMethods, WorkerConfig } from '../../src/proxy/protocol.ts';
import { connectWire, type WireClient } from '../../src/wire/client.ts';
import { dist, end, until } from './processes.ts';

/** What node:net uses itself to bind without accepting. */
interface Bound {
  readonly fd: number;
  getsockname(out: { port?: number }): number;
  close(): void;
}
const binder = net as unknown as { _createServerHandle(host: string, port: number, family: 4, fd: -1): Bound | number };

export interface WorkerProcess {
  readonly pid: number;
  readonly control: WireClient<ProxyMethods, ProxyEvents>;
  readonly exited: Promise<number | null>;
  kill(): Promise<void>;
}

export interface Bench {
  /** Port of the public listener. */
  readonly port: number;
  /** Port of the listener for HTTPS; 0 without certificates. */
  readonly httpsPort: number;
  readonly linkPorts: readonly number[];
  readonly dir: string;
  readonly worker: WorkerProcess;
  /** Commits to the present worker. */
  commit(table: RouteTable): Promise<{ version: number }>;
  counts(release: string, app?: string): Promise<ArmCounts>;
  /** Starts one more worker on the same listeners; it becomes `worker`. */
  startAnother(): Promise<WorkerProcess>;
  log(): string;
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly limits?: Partial<ProxyLimits>;
  readonly links?: number;
  readonly trustedProxies?: readonly string[];
  /** Folder of certificates: adds a listener for HTTPS. */
  readonly certificates?: string;
  /** Content of routes.json at the start. */
  readonly stored?: RouteTable | string;
}

/** Holds listeners as the keeper does and runs real workers on them. */
export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'sb-proxy-'));
  const logFile = join(dir, 'worker.log');
  if (options.stored !== undefined) {
    writeFileSync(join(dir, 'routes.json'), typeof options.stored === 'string' ? options.stored : JSON.stringify(options.stored));
  }
  const secure = options.certificates === undefined ? [] : ['https'];
  const names = ['http', ...secure, ...Array.from({ length: options.links ?? 0 }, (_, slot) => `link-${slot}`)];
  const handles = names.map(() => {
    const handle = binder._createServerHandle('127.0.0.1', 0, 4, -1);
    if (typeof handle === 'number') throw new Error(`could not bind: ${handle}`);
    return handle;
  });
  const ports = handles.map((handle) => {
    const out: { port?: number } = {};
    handle.getsockname(out);
    return out.port ?? 0;
  });
  const children = new Set<ChildProcess>();
  const start = async (): Promise<WorkerProcess> => {
    const config: WorkerConfig = {
      name: 'proxy-0',
      dir,
      controlSocket: join(dir, 'w.sock'),
      listeners: names.map((name, index) => ({ name, fd: 3 + index, host: '127.0.0.1', port: ports[index] ?? 0 })),
      trustedProxies: options.trustedProxies ?? [],
      limits: options.limits as ProxyLimits,
      ...(options.certificates === undefined ? {} : { certificates: options.certificates }),
    };
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', join(dist, 'proxy/main.js'), JSON.stringify(config)], {
      stdio: ['ignore', log, log, ...handles.map((handle) => handle.fd)],
    });
    closeSync(log);
    children.add(child);
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    const control = await until('the worker answers', async () => {
      if (child.exitCode !== null) throw new Error(`the worker ended: ${readFileSync(logFile, 'utf8')}`);
      try {
        const client = await connectWire<ProxyMethods, ProxyEvents>(config.controlSocket);
        if ((await client.call('hello', {})).pid === child.pid) return client;
        client.close();
      } catch {
        return undefined;
      }
      return undefined;
    });
    return { pid: child.pid as number, control, exited, kill: () => end(child) };
  };
  let worker = await start();
  return {
    port: ports[0] ?? 0,
    httpsPort: secure.length === 0 ? 0 : (ports[1] ?? 0),
    linkPorts: ports.slice(1 + secure.length),
    dir,
    get worker() {
      return worker;
    },
    commit: (table) => worker.control.call('commit', { table }),
    counts: async (release, app = 'shop') => {
      const { counts } = await worker.control.call('stats', {});
      const found = counts.find((arm) => arm.release === `${app}/production/${release}`);
      if (!found) throw new Error(`no counts of ${release}`);
      return found;
    },
    startAnother: async () => {
      worker = await start();
      return worker;
    },
    log: () => readFileSync(logFile, 'utf8'),
    close: async () => {
      await Promise.all([...children].map(end));
      for (const handle of handles) handle.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
