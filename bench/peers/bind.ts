import net from 'node:net';

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
  /** Closes this process's copy; a child that inherited it keeps its own. */
  close(): void;
}

interface TcpHandle {
  readonly fd: number;
  getsockname(into: { port?: number }): number;
  close(): void;
}

type HandleMaker = (host: string, port: number, family: 4) => TcpHandle | number;

/** Binds any free port without listening: the process that inherits it is the only one to accept. @throws Error with the system's error number. */
export function bindTcp(host: string): BoundSocket {
  const make = (net as unknown as { readonly _createServerHandle: HandleMaker })._createServerHandle;
  const handle = make(host, 0, 4);
  if (typeof handle === 'number') throw new Error(`no port could be bound on ${host} (${handle})`);
  const name: { port?: number } = {};
  handle.getsockname(name);
  return { fd: handle.fd, port: name.port ?? 0, close: () => handle.close() };
}
