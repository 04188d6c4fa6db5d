import type { Socket } from 'node:net';
import type { HandshakeCounts } from '../protocol.ts';

/**
 * Connections that are shaking hands, and what became of the others. There is room for so many at a time: then the one that has
 * taken longest makes room, so that a flood of half-open ones never keeps honest clients out, whose handshakes are short.
 */
export class Handshakes {
  readonly #most: number;
  /** By the client's address and port, oldest first. */
  readonly #underWay = new Map<string, Socket>();
  readonly counts = { done: 0, failed: 0, timedOut: 0, evicted: 0, unknownNames: 0 } satisfies HandshakeCounts;

  constructor(most: number) {
    this.#most = most;
  }

  begin(socket: Socket): void {
    const key = keyOf(socket);
    if (this.#underWay.size >= this.#most) this.#evictOldest();
    this.#underWay.set(key, socket);
    socket.once('close', () => {
      if (this.#underWay.get(key) === socket) this.#underWay.delete(key);
    });
  }

  /** The connection below one that shakes hands. */
  under(client: ClientEnd): Socket | undefined {
    return this.#underWay.get(keyOf(client));
  }

  done(client: ClientEnd): void {
    if (this.#underWay.delete(keyOf(client))) this.counts.done += 1;
  }

  failed(cause: NodeJS.ErrnoException): void {
    if (cause.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.counts.timedOut += 1;
    else this.counts.failed += 1;
  }

  #evictOldest(): void {
    for (const [key, socket] of this.#underWay) {
      this.#underWay.delete(key);
      this.counts.evicted += 1;
      socket.destroy();
      return;
    }
  }
}

interface ClientEnd {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const keyOf = ({ remoteAddress, remotePort }: ClientEnd): string => `${remoteAddress} ${remotePort}`;
