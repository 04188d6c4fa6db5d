import { chmodSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { readLines, writeLine } from './lines.ts';
import type { Events, Methods, WireFault, WireRequest } from './protocol.ts';

/** A refusal that reaches the caller as it is; anything else thrown becomes `INTERNAL`. */
export class WireError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WireError';
    this.code = code;
  }
}

export type Handlers<M extends Methods> = {
  readonly [Name in keyof M]: (params: M[Name]['params'], connection: Socket) => Promise<M[Name]['result']> | M[Name]['result'];
};

export interface WireServer<E extends Events> {
  /** Sends an event to every connected client. */
  publish<Name extends keyof E & string>(event: Name, body: E[Name]): void;
  close(): Promise<void>;
}

/**
 * Serves `handlers` on a unix socket readable by its owner only. It is bound under a name of its own and moved into place: whoever
 * connects finds the program before or this one, and since a closing server removes the name it was bound to, the end of an old
 * program never takes the socket of its successor away. `close` leaves the file behind; nobody listens there then.
 */
export async function serveWire<M extends Methods, E extends Events>(
  path: string,
  handlers: Handlers<M>,
): Promise<WireServer<E>> {
  const connections = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    readLines(socket, (message) => void answer(handlers, socket, message as WireRequest));
  });
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(draft, resolve);
  });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  return {
    publish: (event, body) => {
      for (const socket of connections) writeLine(socket, { event, body });
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

async function answer<M extends Methods>(handlers: Handlers<M>, socket: Socket, request: WireRequest): Promise<void> {
  const { id, method, params } = request;
  try {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (!handler) throw new WireError('UNKNOWN_METHOD', `This program does not know "${method}"; it may be of another version.`);
    const result = await handler(params, socket);
    writeLine(socket, { id, ok: true, result: result ?? null });
  } catch (cause) {
    const error: WireFault =
      cause instanceof WireError
        ? { code: cause.code, message: cause.message }
        : { code: 'INTERNAL', message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
    writeLine(socket, { id, ok: false, error });
  }
}
