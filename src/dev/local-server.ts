import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Starts a server on loopback, at any free port, that keeps nothing alive: neither the program nor websockets. */
export async function listenLocally(server: Server): Promise<{ readonly port: number; close(): void }> {
  server.on('upgrade', (_req, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
