import { open, readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mediaTypeOf } from '../proxy/static/media-types.ts';
import { realFile, segmentsOf } from '../proxy/static/resolve.ts';
import { listenLocally } from './local-server.ts';

/** Serves a folder as it is at this moment: nothing is kept by anybody, and open pages reload when a file changes. */
export interface SiteServer {
  readonly port: number;
  /** Tells open pages that something changed. */
  changed(): void;
  close(): void;
}

export interface SiteOptions {
  /** Absolute. */
  readonly folder: string;
  readonly spaFallback: boolean;
  /** Path under which people see the site; pages ask below it for news. */
  readonly base: string;
  readonly stripPath: boolean;
}

const newsPath = '/__signalbox/changes';

export async function serveSite(options: SiteOptions): Promise<SiteServer> {
  const listeners = new Set<ServerResponse>();
  const base = options.base === '/' ? '' : options.base;
  const server = createServer((req, res) => {
    const path = (req.url ?? '/').replace(/\?.*$/s, '');
    if (path.endsWith(newsPath)) {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(': open\n\n');
      listeners.add(res);
      res.on('close', () => listeners.delete(res));
      return;
    }
    answer(req, res, path, { ...options, news: `${base}${newsPath}` }).catch((cause: unknown) => {
      if (res.headersSent) res.destroy();
      else res.writeHead(500, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end(String(cause));
    });
  });
  const listening = await listenLocally(server);
  return {
    ...listening,
    changed: () => {
      for (const listener of listeners) listener.write('data: changed\n\n');
    },
  };
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  { folder, spaFallback, news }: SiteOptions & { readonly news: string },
): Promise<void> {
  req.resume();
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { allow: 'GET, HEAD', 'cache-control': 'no-store' }).end();
    return;
  }
  const segments = segmentsOf(path);
  const wanted = segments?.join('/');
  const found = wanted === undefined ? undefined : await fileFor(folder, wanted, path.endsWith('/'));
  if (found === 'folder') {
    res.writeHead(302, { location: `${path.slice(path.lastIndexOf('/') + 1)}/`, 'cache-control': 'no-store' }).end();
    return;
  }
  const page = req.headers.accept?.includes('text/html') === true;
  const single = spaFallback && page && wanted !== undefined && !(wanted.split('/').at(-1) ?? '').includes('.');
  const shown = found?.file ?? (single ? await regular(folder, 'index.html') : undefined);
  const missing = shown === undefined && page ? await regular(folder, '404.html') : undefined;
  const file = shown ?? missing;
  if (file === undefined) {
    res
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
      .end(req.method === 'HEAD' ? undefined : `There is no ${path} in ${folder}.\n`);
    return;
  }
  const headers = { 'content-type': mediaTypeOf(file), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  const status = shown === undefined ? 404 : 200;
  if (/\.html?$/i.test(file)) {
    const body = Buffer.from(withNews(await readFile(file, 'utf8'), news));
    res.writeHead(status, { ...headers, 'content-length': body.length }).end(req.method === 'HEAD' ? undefined : body);
    return;
  }
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const range = rangeOf(req.headers.range, size);
    res.writeHead(range === undefined ? status : 206, {
      ...headers,
      'accept-ranges': 'bytes',
      'content-length': range === undefined ? size : range.end - range.start + 1,
      ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
    });
    if (req.method === 'HEAD' || size === 0) res.end();
    else await pipeline(handle.createReadStream({ autoClose: false, start: 0, end: size - 1, ...range }), res);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause;
  } finally {
    await handle.close();
  }
}

/** One range, as players of films ask for it; anything else gets the whole. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (match?.[1] === undefined) return undefined;
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start <= end ? { start, end } : undefined;
}

type Found = { readonly file: string } | 'folder';

async function fileFor(folder: string, wanted: string, directory: boolean): Promise<Found | undefined> {
  const names = wanted === '' || directory ? [join(wanted, 'index.html')] : [wanted, `${wanted}.html`];
  for (const name of names) {
    const file = await regular(folder, name);
    if (file !== undefined) return { file };
  }
  return wanted !== '' && !directory && (await regular(folder, `${wanted}/index.html`)) !== undefined ? 'folder' : undefined;
}

async function regular(folder: string, relative: string): Promise<string | undefined> {
  const file = await realFile(folder, relative);
  if (file === undefined) return undefined;
  return (await stat(file).catch(() => null))?.isFile() === true ? file : undefined;
}

/** At the end of the page, where it delays nothing. */
function withNews(html: string, news: string): string {
  const script = `<script>new EventSource(${JSON.stringify(news)}).onmessage=()=>location.reload()</script>`;
  const end = html.lastIndexOf('</body>');
  return end === -1 ? html + script : html.slice(0, end) + script + html.slice(end);
}
