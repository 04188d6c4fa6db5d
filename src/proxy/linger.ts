import type { Socket } from 'node:net';

/** How long a client that has been refused may go on sending before its connection is cut. */
const lingerMs = 2_000;

/** Connections of HTTP/1 that have had, or are about to have, their last answer. */
const concluded = new WeakSet<Socket>();

/** What comes on such a connection is not looked at: it may be a part of what was refused, in disguise. */
export const isConcluded = (socket: Socket): boolean => concluded.has(socket);

/** A request whose answer is the last one of its connection. */
export interface LastRequest {
  readonly socket: Socket;
  /** Its body has come to its end. */
  readonly complete: boolean;
  resume(): unknown;
}

/**
 * To be called with the last answer on a connection, whose client may still be sending its body. Closed with bytes unread a connection
 * is reset, and the reset can overtake the answer: so nothing more is said, but what comes is read for a while and thrown away.
 */
export function linger(req: LastRequest): void {
  const { socket } = req;
  concluded.add(socket);
  const atOnce = socket.destroySoon.bind(socket);
  // What node:http calls when the last answer of a connection is out.
  socket.destroySoon = () => {
    if (req.complete || socket.destroyed) {
      atOnce();
      return;
    }
    socket.end();
    req.resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));
  };
}

/** Says the last words on a connection that is not node:http's any more; its client need not end its own side for it to be over. */
export function hangUp(socket: Socket, words: string): void {
  socket.resume();
  socket.end(words, () => endSoon(socket));
}

/** To be called when all has been said on such a connection. */
export function endSoon(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
