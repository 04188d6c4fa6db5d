import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Mail, Mailbox } from './mailbox.ts';

/**
 * The kept messages for people and for tests.
 * `GET /` a page · `GET /api/v1/messages` JSON, newest first · `GET /api/v1/messages/:id` with `raw` · `DELETE /api/v1/messages` ·
 * `GET /readyz`.
 */
export function createPages(mailbox: Mailbox): Server {
  return createServer((request, response) => {
    // Pages of other sites must not read or delete mail through this machine's browser.
    if (!isLocal(request.headers.host))
      return answer(response, 403, { type: 'text/plain', body: 'This is for local names only.\n' });
    route(request, response, mailbox);
  });
}

const isLocal = (host = ''): boolean => /^(?:localhost|[a-z0-9.-]+\.localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(host);

function route(request: IncomingMessage, response: ServerResponse, mailbox: Mailbox): void {
  const { method = 'GET' } = request;
  const [path = '/'] = (request.url ?? '/').split('?');
  const json = (body: unknown, status = 200): void =>
    answer(response, status, { type: 'application/json', body: JSON.stringify(body) });
  if (path === '/readyz') return answer(response, 200, { type: 'text/plain', body: 'ok\n' });
  if (path === '/api/v1/messages' && method === 'GET')
    return json({
      total: mailbox.all().length,
      messages: mailbox.all().map(({ raw, ...rest }) => ({ ...rest, size: raw.length })),
    });
  if (path === '/api/v1/messages' && method === 'DELETE') {
    if (request.headers['sec-fetch-site'] !== undefined && request.headers['sec-fetch-site'] !== 'same-origin')
      return json({ error: 'not from another site' }, 403);
    mailbox.clear();
    return json({});
  }
  const id = /^\/api\/v1\/messages\/(\d{1,15})$/.exec(path)?.[1] ?? /^\/mail\/(\d{1,15})$/.exec(path)?.[1];
  const mail = id === undefined ? undefined : mailbox.get(Number(id));
  if (mail && path.startsWith('/api/')) return json(mail);
  if (mail) return answer(response, 200, { type: 'text/plain', body: mail.raw });
  if (path === '/') return answer(response, 200, { type: 'text/html', body: page(mailbox.all()) });
  return json({ error: 'not found' }, 404);
}

function answer(
  response: ServerResponse,
  status: number,
  { type, body }: { readonly type: string; readonly body: string },
): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(body);
}

function page(mails: readonly Mail[]): string {
  const rows = mails.map(
    (mail) =>
      `<tr><td>${escaped(mail.at.slice(0, 19).replace('T', ' '))}<td>${escaped(mail.from)}<td>${escaped(mail.to.join(', '))}<td><a href="/mail/${mail.id}">${escaped(mail.subject || '(no subject)')}</a>`,
  );
  const body = rows.length === 0 ? '<p>No mail yet.</p>' : `<table><tr><th>UTC<th>From<th>To<th>Subject${rows.join('')}</table>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Mail</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}td,th{padding:.3rem 1rem .3rem 0;text-align:left;border-bottom:1px solid #ddd}</style>
<h1>Mail that was caught</h1>${body}</html>\n`;
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
