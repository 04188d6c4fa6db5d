import type { Socket } from 'node:net';
import { maxLineBytes } from './protocol.ts';

/**
 * Splits what a socket receives into JSON lines. A line that is too long or is not JSON ends the connection:
 * the peer is not one of ours.
 */
export function readLines(socket: Socket, onLine: (message: unknown) => void): void {
  let parts: Buffer[] = [];
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, newline));
      from = newline + 1;
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        socket.destroy();
        return;
      }
      onLine(message);
      if (socket.destroyed) return;
    }
    if (from < chunk.length) {
      const rest = chunk.subarray(from);
      parts.push(rest);
      size += rest.length;
      if (size > maxLineBytes) socket.destroy();
    }
  });
}

export const writeLine = (socket: Socket, message: unknown): void => writeText(socket, JSON.stringify(message));

/** A message that is JSON already. */
export function writeText(socket: Socket, json: string): void {
  if (!socket.destroyed && socket.writable) socket.write(`${json}\n`);
}
