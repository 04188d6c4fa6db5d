import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { buildConnector } from 'undici';
import { arrivalBytes, arrivalRoom, takeArrival } from './arrivals.ts';

/** First keep-alive probe of the system on a connection that is silent. */
const probeAfterMs = 60_000;

/**
 * How connections to instances are opened. Left to itself a socket asks for a fresh 64 KiB for each read, however little comes,
 * and splits a body of 64 KiB in two.
 * @param timeoutMs until connected; afterwards it is given up with the error code that undici has for it.
 * @param onSocket told of each socket before it is connected.
 */
export function connector(timeoutMs: number, onSocket: (socket: Socket) => void): buildConnector.connector {
  return ({ hostname, port }, callback) => {
    const options: TcpNetConnectOpts & { readonly highWaterMark: number } = {
      host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
      port: Number(port),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
      highWaterMark: arrivalBytes,
      onread: { buffer: arrivalRoom, callback: (length) => socket.push(takeArrival(length)) },
    };
    const socket: Socket = connect(options);
    onSocket(socket);
    const timer = setTimeout(() => socket.destroy(new ConnectTimeout()), timeoutMs);
    let told = false;
    socket.once('connect', () => {
      clearTimeout(timer);
      told = true;
      callback(null, socket);
    });
    socket.on('error', (cause) => {
      clearTimeout(timer);
      if (told) return;
      told = true;
      callback(cause, null);
    });
    return socket;
  };
}

class ConnectTimeout extends Error {
  readonly code = 'UND_ERR_CONNECT_TIMEOUT';
  constructor() {
    super('The instance did not accept the connection in time.');
  }
}
