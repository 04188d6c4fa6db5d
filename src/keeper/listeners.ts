import net from 'node:net';
import { WireError } from '../wire/server.ts';
import type { HeldListener, InheritedListener, ListenRequest } from './protocol.ts';
import { readJson, writeJson } from './state.ts';

/** Listening sockets that this process holds and never accepts on: connections wait in the backlog while no worker runs. */
export interface Listeners {
  /** @throws WireError PORT_TAKEN; then none of the new ones is held. */
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

const addressInUse = -98;

/** @param file where the addresses are remembered, so that port 0 is the same port after a restart. */
export function openListeners(file: string, inherited: readonly InheritedListener[]): Listeners {
  const held = new Map<string, InheritedListener>(inherited.map((listener) => [listener.name, listener]));
  // Kept reachable: a collected handle closes its socket.
  const handles = new Map<string, BoundHandle>();
  const remembered = (readJson(file) as HeldListener[] | undefined) ?? [];
  for (const listener of remembered) {
    if (held.has(listener.name)) continue;
    try {
      hold(listener);
    } catch (cause) {
      if (!(cause instanceof WireError)) throw cause;
      process.stderr.write(`${cause.message}\n`);
    }
  }

  function hold({ name, host, port }: ListenRequest): void {
    const handle = bind(name, host, port);
    const address: { port?: number } = {};
    handle.getsockname(address);
    handles.set(name, handle);
    held.set(name, { name, host, port: address.port ?? port, fd: handle.fd });
  }

  return {
    declare: (requests) => {
      const fresh: string[] = [];
      try {
        for (const request of requests) {
          const known = held.get(request.name);
          if (known && known.host === request.host && (request.port === 0 || request.port === known.port)) continue;
          const before = remembered.find(({ name, host }) => name === request.name && host === request.host);
          const port = request.port === 0 ? (before?.port ?? 0) : request.port;
          const former = handles.get(request.name);
          hold({ ...request, port });
          former?.close();
          fresh.push(request.name);
        }
      } catch (cause) {
        for (const name of fresh) {
          handles.get(name)?.close();
          handles.delete(name);
          held.delete(name);
        }
        throw cause;
      }
      const all = [...held.values()].map(({ name, host, port }) => ({ name, host, port }));
      if (fresh.length > 0) writeJson(file, all);
      return all;
    },
    held: () => [...held.values()],
  };
}

function bind(name: string, host: string, port: number): BoundHandle {
  const create = (net as unknown as { _createServerHandle?: CreateServerHandle })._createServerHandle;
  if (typeof create !== 'function') {
    throw new WireError(
      'NODE_UNSUPPORTED',
      `Node ${process.version} offers no way to hold a listening socket; use Node 20, 22 or 24.`,
    );
  }
  const handle = create(host, port, host.includes(':') ? 6 : 4, -1);
  if (typeof handle !== 'number') return handle;
  const why =
    handle === addressInUse
      ? 'another program listens there'
      : handle === -13
        ? 'this user may not use that port'
        : `error ${handle}`;
  throw new WireError('PORT_TAKEN', `The ${name} port ${host}:${port} cannot be opened: ${why}.`);
}
