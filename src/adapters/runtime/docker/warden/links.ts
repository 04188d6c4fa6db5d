import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Lets containers reach loopback ports of this machine (the data plane's release-local addresses) at the gateway of their network:
 * each port only those instances that were given it. Anybody else's connection is closed before a byte of it is passed on.
 */
export interface Links {
  /** Declares what shall be reachable; what is no longer named is closed, connections that are open go on. */
  declare(wanted: readonly Link[]): void;
  close(): void;
}

export interface Link {
  /** Address of this machine in the callers' network. */
  readonly gateway: string;
  readonly port: number;
  /** Address of one instance that may call. */
  readonly caller: string;
}

interface Opened {
  server: Server | null;
  callers: ReadonlySet<string>;
  timer: NodeJS.Timeout | undefined;
}

/** The gateway may not be there yet: after a boot it comes with the engine. */
const againMs = 500;

export function openLinks(report: (message: string) => void): Links {
  const opened = new Map<string, Opened>();

  const open = (key: string, host: string, port: number): void => {
    const entry = opened.get(key);
    if (!entry) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      const remote = socket.remoteAddress ?? '';
      if (entry.callers.has(remote)) pass(socket, port);
      else socket.destroy();
    });
    server.once('error', (cause) => {
      entry.server = null;
      if (opened.get(key) !== entry) return;
      if ('code' in cause && cause.code !== 'EADDRNOTAVAIL')
        report(`The link ${host}:${port} cannot be opened: ${cause.message}`);
      entry.timer = setTimeout(() => open(key, host, port), againMs);
    });
    entry.server = server;
    server.listen({ host, port, exclusive: true });
  };

  return {
    declare: (wanted) => {
      const callers = new Map<string, { gateway: string; port: number; callers: Set<string> }>();
      for (const { gateway, port, caller } of wanted) {
        const key = `${gateway}:${port}`;
        const entry = callers.get(key) ?? { gateway, port, callers: new Set<string>() };
        entry.callers.add(caller);
        callers.set(key, entry);
      }
      for (const [key, entry] of opened) {
        if (callers.has(key)) continue;
        clearTimeout(entry.timer);
        entry.server?.close();
        opened.delete(key);
      }
      for (const [key, entry] of callers) {
        const there = opened.get(key);
        if (there) {
          there.callers = entry.callers;
          continue;
        }
        opened.set(key, { server: null, callers: entry.callers, timer: undefined });
        open(key, entry.gateway, entry.port);
      }
    },
    close: () => {
      for (const { server, timer } of opened.values()) {
        clearTimeout(timer);
        server?.close();
      }
      opened.clear();
    },
  };
}

function pass(socket: Socket, port: number): void {
  const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  socket.pipe(upstream);
  upstream.pipe(socket);
  // Whoever breaks off breaks off for both, as if there were nobody between them.
  socket.on('error', () => upstream.resetAndDestroy());
  upstream.on('error', () => socket.resetAndDestroy());
  socket.on('close', () => upstream.destroy());
  upstream.on('close', () => socket.destroy());
}
