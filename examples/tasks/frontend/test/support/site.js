// The built site as it is served in production (unknown paths are the page's), and an API made for a test.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

export const dist = join(import.meta.dirname, '..', '..', 'dist');

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** `api` answers requests below /api: (method, path, body, headers) -> { status, body }. */
export async function startSite(api) {
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://site');
    if (pathname.startsWith('/api/')) {
      let text = '';
      for await (const chunk of request) text += chunk;
      const asked = text === '' ? undefined : JSON.parse(text);
      const { status = 200, body } = api(request.method, pathname.slice(4) + search, asked, request.headers);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body));
      return;
    }
    const file = extname(pathname) === '' ? '/index.html' : pathname;
    const content = await readFile(join(dist, file)).catch(() => undefined);
    // As strict as a site may be: nothing inline, nothing from elsewhere.
    const headers = { 'content-type': types[extname(file)] ?? 'text/plain', 'content-security-policy': "default-src 'self'" };
    response.writeHead(content === undefined ? 404 : 200, headers).end(content);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
