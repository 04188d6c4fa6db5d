import { connect, type Socket } from 'node:net';
import { readLines, writeLine } from './lines.ts';
import type { Events, Methods, WireMessage } from './protocol.ts';
import { WireError } from './server.ts';

export interface WireClient<M extends Methods, E extends Events> {
  /**
   * Sends a request and waits for its answer.
   * @param timeoutMs default 10,000 ms; on expiry rejects with `WIRE_TIMEOUT` (the request may still take effect).
   * @throws WireError with the peer's code, `WIRE_CLOSED` when the connection is gone.
   */
  call<Name extends keyof M & string>(method: Name, params: M[Name]['params'], timeoutMs?: number): Promise<M[Name]['result']>;
  on<Name extends keyof E & string>(event: Name, listener: (body: E[Name]) => void): () => void;
  /** Resolves when the connection has ended, by whichever side. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Connects to a program's control socket. @throws WireError `WIRE_CLOSED` when nobody listens there. */
export async function connectWire<M extends Methods, E extends Events>(path: string): Promise<WireClient<M, E>> {
  const socket = await open(path);
  const waiting = new Map<number, (message: WireMessage | WireError) => void>();
  const listeners = new Map<string, Set<(body: never) => void>>();
  let next = 1;
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      for (const settle of waiting.values())
        settle(new WireError('WIRE_CLOSED', `The connection to ${path} ended before the answer came.`));
      waiting.clear();
      resolve();
    });
  });
  socket.on('error', () => socket.destroy());
  readLines(socket, (line) => {
    const message = line as WireMessage;
    if ('event' in message) {
      for (const listener of listeners.get(message.event) ?? []) listener(message.body as never);
    } else {
      waiting.get(message.id)?.(message);
    }
  });
  return {
    call: (method, params, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new WireError('WIRE_CLOSED', `The connection to ${path} is closed.`));
          return;
        }
        const id = next++;
        const settle = (message: WireMessage | WireError): void => {
          clearTimeout(timer);
          waiting.delete(id);
          if (message instanceof WireError) reject(message);
          else if ('ok' in message && message.ok) resolve(message.result);
          else if ('error' in message) reject(new WireError(message.error.code, message.error.message));
        };
        const timer = setTimeout(
          () => settle(new WireError('WIRE_TIMEOUT', `${path} did not answer "${method}" within ${timeoutMs} ms.`)),
          timeoutMs,
        );
        waiting.set(id, settle);
        writeLine(socket, { id, method, params });
      }),
    on: (event, listener) => {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set);
      set.add(listener);
      return () => set.delete(listener);
    },
    closed,
    close: () => socket.destroy(),
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => reject(new WireError('WIRE_CLOSED', `Nobody listens on ${path}.`, { cause })));
  });
}
