import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RouteTable } from '../domain/route-table.ts';
import { openListeners } from '../keeper/listeners.ts';
import type { ProxyEvents, ProxyMethods, WorkerConfig } from '../proxy/protocol.ts';
import { connectWire, type WireClient } from '../wire/client.ts';
import { WireError } from '../wire/server.ts';
import { type LocalProgram, startProgram } from './program.ts';

/** The same data plane as in production, as a program of its own. */
export interface DevProxy {
  readonly port: number;
  /** Another port was asked for and taken. */
  readonly wanted: number;
  /** Null without HTTPS. */
  readonly httpsPort: number | null;
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
  /** Folder of certificates for HTTPS, beside HTTP; undefined: none. */
  readonly certificates?: string;
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
  const { port, httpsPort, listeners } = listenNear(options);
  const config: WorkerConfig = {
    name: 'dev',
    dir,
    controlSocket: join(dir, 'dev.sock'),
    listeners: listeners.map((listener, index) => ({ ...listener, fd: 3 + index })),
    trustedProxies: [],
    ...(options.certificates === undefined ? {} : { certificates: options.certificates }),
    limits: limits as WorkerConfig['limits'],
  };
  let last: RouteTable | undefined;
  let link: Promise<Link> | undefined;
  let running: LocalProgram | undefined;
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
    httpsPort,
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

interface Listening {
  readonly port: number;
  readonly httpsPort: number | null;
  readonly listeners: readonly { name: string; host: string; port: number; fd: number }[];
}

/** Where HTTPS is looked for first. */
const presetHttpsPort = 3443;

/** The asked port or the next free one, on both loopback addresses where there are two. */
function listenNear({ dir, port: first, others, links, certificates }: DevProxyOptions): Listening {
  const slots = Array.from({ length: links }, (_, slot) => ({ name: `link-${slot}`, host: '127.0.0.1', port: 0 }));
  const held = openListeners(join(dir, 'listeners.json'), []);
  // A collected handle closes its socket.
  keepOpen.add(held);
  const nearest = (name: string, from: number, tried: number): number => {
    for (let port = from; ; port++) {
      try {
        return portOf(held, name, port);
      } catch (cause) {
        if (!(cause instanceof WireError) || cause.code !== 'PORT_TAKEN' || from === 0 || port >= from + tried) throw cause;
      }
    }
  };
  const port = nearest('http', first, others);
  const httpsPort = certificates === undefined ? null : nearest('https', first === 0 ? 0 : presetHttpsPort, 50);
  held.declare(slots);
  return { port, httpsPort, listeners: [...held.held()] };
}

/** On IPv4, and for HTTP on IPv6, too: browsers try ::1 first. @throws WireError PORT_TAKEN */
function portOf(held: ReturnType<typeof openListeners>, name: string, port: number): number {
  const chosen = held.declare([{ name, host: '127.0.0.1', port }]).find((listener) => listener.name === name)?.port ?? port;
  if (name !== 'http') return chosen;
  try {
    held.declare([{ name: 'http-6', host: '::1', port: chosen }]);
  } catch (cause) {
    // Somebody else would answer there; a machine without IPv6 has nobody to do so.
    if (cause instanceof WireError && /another program/.test(cause.message) && port !== 0) throw cause;
  }
  return chosen;
}

const keepOpen = new Set<unknown>();

async function connected(socket: string, program: LocalProgram): Promise<Link> {
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
