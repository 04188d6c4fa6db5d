import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import net from 'node:net';
import { WireError } from '../wire/server.ts';
import type { HeldListener, InheritedListener, ListenRequest } from './protocol.ts';
import { readJson, writeJson } from './state.ts';

/** Listening sockets that this process holds and never accepts on: connections wait in the backlog while no worker runs. */
export interface Listeners {
  /** @throws WireError PORT_TAKEN, PORT_DENIED; then everything is as before. */
  declare(requests: readonly ListenRequest[]): readonly HeldListener[];
  held(): readonly InheritedListener[];
}

interface BoundHandle {
  readonly fd: number;
  getsockname(into: { port?: number }): number;
  close(): void;
}

/**
 * node:net's own way to get a bound TCP handle without accepting on it; the cluster module stands on it. There is no public one.
 * The number is libuv's error when it could not be bound.
 */
type CreateServerHandle = (host: string, port: number, family: 4 | 6, fd: -1) => BoundHandle | number;

interface Opened {
  readonly listener: InheritedListener;
  readonly handle: BoundHandle;
}

/** @param file where the addresses are remembered, so that port 0 is the same port after a restart. */
export function openListeners(file: string, inherited: readonly InheritedListener[]): Listeners {
  const held = new Map<string, InheritedListener>(inherited.map((listener) => [listener.name, listener]));
  // Kept reachable: a collected handle closes its socket.
  const handles = new Map<string, BoundHandle>();
  const remembered = (readJson(file) as HeldListener[] | undefined) ?? [];

  const keep = ({ listener, handle }: Opened): void => {
    handles.get(listener.name)?.close();
    handles.set(listener.name, handle);
    held.set(listener.name, listener);
  };
  const deadline = performance.now() + dyingMs;
  for (const listener of remembered) {
    if (held.has(listener.name)) continue;
    try {
      for (const opened of openBy(deadline, listener)) keep(opened);
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause;
      process.stderr.write(`${cause.message}\n`);
    }
  }

  return {
    declare: (requests) => {
      const wanted = requests.flatMap((request) => {
        const known = held.get(request.name);
        if (known && known.host === request.host && (request.port === 0 || request.port === known.port)) return [];
        const before = remembered.find(({ name, host }) => name === request.name && host === request.host);
        return [{ ...request, port: request.port === 0 ? (before?.port ?? 0) : request.port }];
      });
      for (const opened of openAnew(wanted)) keep(opened);
      const all = [...held.values()].map(({ name, host, port }) => ({ name, host, port }));
      if (wanted.length > 0) writeJson(file, all);
      return all;
    },
    held: () => [...held.values()],
  };
}

/**
 * Where ports are looked for that were left to us: below those of instances (20,000 to 31,999) and of outgoing connections (32,768 and
 * up on Linux). They are to be had again after everything was down, and the system would give its own to anybody meanwhile.
 */
const ourPorts = { from: 10_000, to: 19_999 };
const mostDraws = 100;

/**
 * How long a start waits for ports of before that are taken, ms. Killed workers hold them until the last of their threads has ended, and
 * a keeper that gave up would leave the port closed until somebody declares it again.
 */
const dyingMs = 2000;

function openBy(deadline: number, listener: ListenRequest): Opened[] {
  for (;;) {
    try {
      return open([listener]);
    } catch (cause) {
      if (!(cause instanceof WireError) || cause.code !== 'PORT_TAKEN' || performance.now() > deadline) throw cause;
      // Nothing else is under way in a keeper that has just begun.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

/** All or none. */
function openAnew(requests: readonly ListenRequest[]): Opened[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return open(requests);
    } catch (cause) {
      // Who binds at the same moment shows only when it listens: another draw.
      if (attempt === 3 || !requests.some(({ port }) => port === 0) || (cause as WireError).code !== 'PORT_TAKEN') throw cause;
    }
  }
}

function open(requests: readonly ListenRequest[]): Opened[] {
  const opened: Opened[] = [];
  try {
    for (const request of requests) {
      opened.push(request.port === 0 ? bindAny(request) : bind(request));
    }
    listen(opened);
    return opened;
  } catch (cause) {
    for (const { handle } of opened) handle.close();
    throw cause;
  }
}

function bindAny(request: ListenRequest): Opened {
  for (let draw = 0; draw < mostDraws; draw++) {
    try {
      return bind({ ...request, port: randomInt(ourPorts.from, ourPorts.to + 1) });
    } catch (cause) {
      if ((cause as WireError).code !== 'PORT_TAKEN') throw cause;
    }
  }
  return bind(request);
}

/** @throws WireError PORT_TAKEN, PORT_DENIED; then nothing is open. */
function bind({ name, host, port }: ListenRequest): Opened {
  const create = (net as unknown as { _createServerHandle?: CreateServerHandle })._createServerHandle;
  if (typeof create !== 'function') {
    throw new WireError(
      'NODE_UNSUPPORTED',
      `Node ${process.version} offers no way to hold a listening socket; use Node 20, 22 or 24.`,
    );
  }
  const handle = create(host, port, host.includes(':') ? 6 : 4, -1);
  if (typeof handle === 'number') throw refusal({ name, host, port }, handle);
  const address: { port?: number } = {};
  // libuv keeps the error of a failed bind until it is asked for.
  const error = handle.getsockname(address);
  if (error === 0) return { handle, listener: { name, host, port: address.port ?? port, fd: handle.fd } };
  handle.close();
  throw refusal({ name, host, port }, error);
}

/**
 * A process that listens through libuv also accepts. So another one, which ends before it could, does it on the shared socket;
 * it prints the place and the error of the first one that fails.
 */
const listenAndLeave = `
const { _createServerHandle: create } = require('node:net');
for (let fd = 3; fd < 3 + Number(process.argv[1]); fd++) {
  const error = create(null, null, null, fd).listen(511);
  if (error) require('node:fs').writeSync(1, (fd - 3) + ' ' + error), process.reallyExit(1);
}
process.reallyExit(0);`;

function listen(opened: readonly Opened[]): void {
  if (opened.length === 0) return;
  const done = spawnSync(process.execPath, ['-e', listenAndLeave, `${opened.length}`], {
    env: {},
    stdio: ['ignore', 'pipe', 'ignore', ...opened.map(({ listener }) => listener.fd)],
    timeout: 10_000,
    encoding: 'utf8',
  });
  if (done.status === 0) return;
  const [index = 0, error = 0] = done.stdout.split(' ').map(Number);
  const failed = opened[index]?.listener ?? { name: 'first', host: '', port: 0 };
  throw refusal(failed, error);
}

function refusal({ name, host, port }: ListenRequest, error: number): WireError {
  const where = `The ${name} port ${host}:${port} cannot be opened`;
  if (error === -13) return new WireError('PORT_DENIED', `${where}: this user may not use that port.`);
  return new WireError(
    'PORT_TAKEN',
    `${where}: ${error === -98 ? 'another program listens there' : `the system answers ${error}`}.`,
  );
}
