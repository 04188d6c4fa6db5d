import { createServer } from 'node:http';
import { listenLocally } from './local-server.ts';
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
  const listening = await listenLocally(server);
  const own = hosts.includes('*') ? [] : ['localhost', '127.0.0.1', '[::1]'].filter((host) => !hosts.includes(host));
  return { ...listening, hosts: own };
}
