import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { indexPage } from './page.ts';

export interface IndexServer {
  readonly port: number;
  /** Hosts it answers for. */
  readonly hosts: readonly string[];
  close(): void;
}

/** What plain `localhost` shows where an app has several hosts: their addresses. */
export async function serveIndex(app: string, hosts: readonly string[], port: number): Promise<IndexServer> {
  const urls = hosts.filter((host) => !host.includes('*')).map((host) => `http://${host}:${port}/`);
  const server = createServer((req, res) => {
    req.resume();
    res
      .writeHead(req.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
      .end(indexPage(app, urls));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  server.unref();
  const own = hosts.includes('*') ? [] : ['localhost', '127.0.0.1', '[::1]'].filter((host) => !hosts.includes(host));
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    hosts: own,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
