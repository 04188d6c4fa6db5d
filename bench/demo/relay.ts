import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between the load client and the proxy, and can lose a request for real. */
export interface Relay {
  readonly port: number;
  /** The next request that comes by is passed on, and its connection reset before the answer. */
  loseOne(): void;
  close(): void;
}

/** `--sabotage drop`: shows that the demo notices a loss. On loopback, to the port on loopback. */
export async function openRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let lose = false;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: to, noDelay: true });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('end', () => other.end());
    }
    client.on('data', (bytes) => {
      upstream.write(bytes);
      if (!lose) return;
      lose = false;
      client.resetAndDestroy();
    });
    upstream.on('data', (bytes) => client.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    loseOne: () => {
      lose = true;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
