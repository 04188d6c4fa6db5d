import { connect } from 'node:net';

/**
 * Whether somebody accepts connections there, whoever it is. Takes its leave politely: a reset, which unread words of a greeting would
 * cause, has ended careless programs.
 */
export function answers(at: { readonly host: string; readonly port: number; readonly withinMs: number }): Promise<boolean> {
  const { host, port, withinMs } = at;
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: withinMs });
    socket
      .once('connect', () => {
        resolve(true);
        socket.resume().end();
      })
      .once('timeout', () => socket.destroy())
      .on('error', () => socket.destroy())
      .once('close', () => resolve(false));
  });
}
