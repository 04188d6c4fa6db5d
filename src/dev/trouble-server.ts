import { createServer } from 'node:http';
import { listenLocally } from './local-server.ts';
import { type Trouble, troubleHeader, troublePage, troubleProblem } from './page.ts';

/** Answers for a service that cannot. */
export interface TroubleServer {
  readonly port: number;
  close(): void;
}

/** @param trouble of the moment a request comes in. */
export async function serveTrouble(trouble: () => Trouble): Promise<TroubleServer> {
  const server = createServer((req, res) => {
    req.resume();
    const html = req.headers.accept?.includes('text/html') === true;
    const body = html ? troublePage(trouble()) : troubleProblem(trouble());
    res.writeHead(503, {
      'content-type': html ? 'text/html; charset=utf-8' : 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      // The next request may be for the service itself.
      connection: 'close',
      [troubleHeader]: 'down',
    });
    res.end(req.method === 'HEAD' ? undefined : body);
  });
  return listenLocally(server);
}
