import type { Socket } from 'node:net';

/** What node keeps of the bytes on their way to the system. */
interface Outgoing {
  readonly bytesWritten: number;
  /** Those of them that the system has no room for. */
  readonly writeQueueSize: number;
}

interface Waiting {
  readonly taken: number;
  readonly since: number;
}

/**
 * Ends connections whose clients have taken nothing for too long of what waits for them: each holds memory, and some an instance. Looked
 * at now and then from outside, so that requests pay nothing for it. What rests because nobody has anything to say is left alone.
 */
export function endStalled(connections: ReadonlySet<Socket>, stallTimeoutMs: number): void {
  const waiting = new WeakMap<Socket, Waiting>();
  const look = (): void => {
    const now = performance.now();
    for (const socket of connections) {
      const { _handle: outgoing } = socket as Socket & { readonly _handle?: Outgoing | null };
      if (!outgoing || !(outgoing.writeQueueSize > 0)) continue;
      const taken = outgoing.bytesWritten - outgoing.writeQueueSize;
      const before = waiting.get(socket);
      if (before?.taken !== taken) waiting.set(socket, { taken, since: now });
      else if (now - before.since >= stallTimeoutMs) socket.destroy();
    }
  };
  setInterval(look, Math.min(5_000, Math.max(50, stallTimeoutMs / 4))).unref();
}
