import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RouteTable } from '../domain/route-table.ts';
import { openListeners } from '../keeper/listeners.ts';
import type { ProxyEvents, ProxyMethods, WorkerConfig } from '../proxy/protocol.ts';
import { connectWire, type WireClient } from '../wire/client.ts';
import { WireError } from '../wire/server.ts';
import { type Program, startProgram } from './program.ts';

/** The same data plane as in production, as a program of its own. */
export interface DevProxy {
  readonly port: number;
  /** Another port was asked for and taken. */
  readonly wanted: number;
  /** Ports of the release-local addresses, by slot. */
  readonly linkPorts: readonly number[];
  /** Returns when no request starts on the table before it. */
  commit(table: RouteTable): Promise<void>;
  /** Waits until nothing is under way to the pool, at most `deadlineMs`; then ends the rest. */
  drain(pool: string, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface DevProxyOptions {
  /** The compiled proxy, e.g. dist/proxy/main.js. */
  readonly program: string;
  readonly dir: string;
  readonly port: number;
  /** How many ports behind `port` are tried when it is taken; 0: only it. */
  readonly others: number;
  readonly links: number;
  readonly marker: string;
  readonly onLine: (line: string) => void;
}

type Link = WireClient<ProxyMethods, ProxyEvents>;

/** Times in ms. Long waits are no harm at a desk: the page says after `holdTimeoutMs` why nothing came. */
const limits: Partial<WorkerConfig['limits']> = { holdTimeoutMs: 60_000, bodyIdleTimeoutMs: 300_000 };
const startMs = 15_000;

/** @throws WireError PORT_TAKEN when none of the ports is free, PORT_DENIED, NODE_UNSUPPORTED; PROXY_FAILED. */
export async function openDevProxy(options: DevProxyOptions): Promise<DevProxy> {
  const { dir, marker } = options;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { port, listeners } = listenNear(options);
  const config: WorkerConfig = {
    name: 'dev',
    dir,
    controlSocket: join(dir, 'dev.sock'),
    listeners: listeners.map((listener, index) => ({ ...listener, fd: 3 + index })),
    trustedProxies: [],
    limits: limits as WorkerConfig['limits'],
  };
  let last: RouteTable | undefined;
  let link: Promise<Link> | undefined;
  let running: Program | undefined;
  let closing = false;
  let lives = 0;

  const launch = (): void => {
    lives += 1;
    const worker = startProgram({
      argv: [process.execPath, options.program, JSON.stringify(config)],
      cwd: '/',
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      marker,
      onLine: options.onLine,
      inherit: listeners.map(({ fd }) => fd),
    });
    running = worker;
    link = connected(config.controlSocket, worker);
    link.catch(() => {});
    const started = performance.now();
    void worker.ended.then(async ({ code, signal }) => {
      if (closing) return;
      options.onLine(`the proxy ended (${signal ?? code ?? 'it could not be started'}); it is started again`);
      if (performance.now() - started < 1000 && lives > 3) await wait(1000);
      if (!closing) launch();
    });
  };
  const connection = (): Promise<Link> => link ?? Promise.reject(new WireError('PROXY_FAILED', 'The proxy was not started.'));
  launch();
  await connection();

  /** Once more on the next life when the proxy died meanwhile: its table comes from disk. */
  const call = async <Result>(ask: (to: Link) => Promise<Result>): Promise<Result | undefined> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(await connection());
      } catch (cause) {
        const gone = cause instanceof WireError && (cause.code === 'WIRE_CLOSED' || cause.code === 'PROXY_FAILED');
        if (closing) return undefined;
        if (!gone || attempt === 20) throw cause;
        await wait(100);
      }
    }
  };
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const next = queue.then(work, work);
    queue = next.catch(() => {});
    return next;
  };
  return {
    port,
    wanted: options.port,
    linkPorts: listeners.filter(({ name }) => name.startsWith('link-')).map((listener) => listener.port),
    commit: (table) =>
      inTurn(async () => {
        if (last !== undefined && last.version >= table.version) return;
        last = table;
        const file = join(dir, 'routes.json');
        writeFileSync(`${file}.draft`, JSON.stringify(table));
        renameSync(`${file}.draft`, file);
        await call((to) => to.call('commit', { table }));
      }),
    drain: async (pool, deadlineMs) => {
      await call((to) => to.call('drain', { epoch: 1, pool, deadlineMs }, deadlineMs + 5000));
    },
    close: async () => {
      closing = true;
      await link?.then((to) => to.close()).catch(() => {});
      await running?.end(0);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The asked port or the next free one, on both loopback addresses where there are two. */
function listenNear({ dir, port: first, others, links }: DevProxyOptions): {
  port: number;
  listeners: { name: string; host: string; port: number; fd: number }[];
} {
  const slots = Array.from({ length: links }, (_, slot) => ({ name: `link-${slot}`, host: '127.0.0.1', port: 0 }));
  for (let port = first; ; port++) {
    const held = openListeners(join(dir, 'listeners.json'), []);
    try {
      const [http] = held.declare([{ name: 'http', host: '127.0.0.1', port }, ...slots]);
      const chosen = http?.port ?? port;
      try {
        held.declare([{ name: 'http-6', host: '::1', port: chosen }]);
      } catch (cause) {
        // Somebody else would answer browsers that try ::1 first; a machine without it has nobody to do so.
        const taken = cause instanceof WireError && /another program/.test(cause.message);
        if (taken && first !== 0) throw cause;
      }
      keepOpen.add(held);
      return { port: chosen, listeners: [...held.held()] };
    } catch (cause) {
      if (!(cause instanceof WireError) || cause.code !== 'PORT_TAKEN' || first === 0 || port >= first + others) throw cause;
      rmSync(join(dir, 'listeners.json'), { force: true });
    }
  }
}

/** A collected handle closes its socket. */
const keepOpen = new Set<unknown>();

async function connected(socket: string, program: Program): Promise<Link> {
  let over = false;
  void program.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + startMs;
  while (!over && performance.now() < deadline) {
    const link = await connectWire<ProxyMethods, ProxyEvents>(socket).catch(() => null);
    if (link !== null) {
      const { pid } = await link.call('hello', {});
      if (pid === program.pid) return link;
      link.close();
    }
    await wait(20);
  }
  throw new WireError('PROXY_FAILED', over ? 'The proxy ended at once.' : `The proxy did not come up in ${startMs / 1000} s.`);
}
