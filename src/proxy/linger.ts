import type { Socket } from 'node:net';

/** How long a client that has been refused may go on sending before its connection is cut. */
const lingerMs = 2_000;

/**
 * To be called before the last answer on a connection whose client may still be sending its body. Closed with bytes unread a connection
 * is reset, and the reset can overtake the answer: so nothing more is said, but what comes is read for a while and thrown away.
 */
export function linger(socket: Socket, req: { readonly complete: boolean; resume(): unknown }): void {
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
