import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { StaticPool } from '../../domain/route-table.ts';
import type { ClientAnswer, ClientRequest } from '../client-side.ts';
import { answerOurselves, type OwnAnswer } from '../pages.ts';
import { cacheControl, cacheControlOf, isFingerprinted, isPage } from './cache-policy.ts';
import { notModified, rangeOf } from './conditions.ts';
import { type FileFacts, Files } from './files.ts';
import { mediaTypeOf } from './media-types.ts';
import { type Page, Pages } from './page-store.ts';
import { segmentsOf } from './resolve.ts';

const missing: OwnAnswer = { status: 404, code: 'NO_FILE', detail: 'There is no such page or file.' };
const failed: OwnAnswer = { status: 500, code: 'FILE_UNREADABLE', detail: 'The file could not be read.' };
const precompressed = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** A request for a file: `path` is the target below the site, `prefix` what the route took off before it. */
export interface FileRequest {
  readonly req: ClientRequest;
  readonly res: ClientAnswer;
  readonly path: string;
  readonly prefix: string;
}

interface Found {
  readonly files: Files;
  readonly relative: string;
  readonly handle: FileHandle;
  readonly facts: FileFacts;
  readonly cacheControl: string;
  readonly status: number;
}

interface Asked {
  readonly headers: ReadonlyMap<string, string>;
  readonly relative: string;
  readonly query: string;
  readonly directory: boolean;
}

/** One static pool: its own files, and the assets of releases before it for tabs that are still open. */
export class StaticSite {
  readonly #pool: StaticPool;
  readonly #files: Files;
  readonly #previous: readonly Files[];
  readonly #pages = new Pages();

  constructor(pool: StaticPool) {
    this.#pool = pool;
    this.#files = new Files(pool.root);
    this.#previous = pool.previousRoots.map((root) => new Files(root));
  }

  matches({ root, spaFallback, previousRoots }: StaticPool): boolean {
    const own = this.#pool;
    return own.root === root && own.spaFallback === spaFallback && own.previousRoots.join('\n') === previousRoots.join('\n');
  }

  /** Answers; never rejects. */
  async serve(request: FileRequest): Promise<void> {
    const { req, res } = request;
    try {
      await this.#serve(request);
    } catch (cause) {
      const gone = (cause as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE' || res.destroyed;
      if (!gone) process.stderr.write(`static ${req.url ?? ''}: ${String(cause)}\n`);
      if (res.headersSent) res.destroy();
      else answerOurselves(res, failed, { accept: headersOf(req.rawHeaders).get('accept'), requestId: undefined });
    }
  }

  async #serve({ req, res, path, prefix }: FileRequest): Promise<void> {
    const headers = headersOf(req.rawHeaders);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.writeHead(req.method === 'OPTIONS' ? 204 : 405, { allow: 'GET, HEAD, OPTIONS' }).end();
      return;
    }
    const mark = path.indexOf('?');
    const query = mark === -1 ? '' : path.slice(mark + 1);
    const pathname = mark === -1 ? path : path.slice(0, mark);
    const segments = segmentsOf(pathname);
    const asked: Asked | undefined = segments && {
      headers,
      relative: segments.join('/'),
      query,
      directory: pathname.endsWith('/'),
    };
    const found = asked && (await this.#find(asked));
    if (found === 'directory') {
      res
        .writeHead(301, {
          location: `${prefix}${pathname}/${query === '' ? '' : `?${query}`}`,
          'cache-control': cacheControl.page,
        })
        .end();
      return;
    }
    if (!found) {
      answerOurselves(res, missing, { accept: headers.get('accept'), requestId: undefined });
      return;
    }
    try {
      const page = isPage(found.relative) ? await this.#pages.of(found, prefix) : undefined;
      if (page?.rewritten) sendPage(req, res, { found, page, headers });
      else if (found.status !== 200 || !(await this.#sendCompressed(req, res, { found, headers })))
        await send(req, res, { found, headers });
    } finally {
      await found.handle.close();
    }
  }

  async #find({ relative, query, directory, headers }: Asked): Promise<Found | 'directory' | undefined> {
    const own = this.#files;
    const take = async (files: Files, file: string, policy = cacheControlOf(file), status = 200): Promise<Found | undefined> => {
      const opened = await files.open(file);
      return opened && { files, relative: file, ...opened, cacheControl: policy, status };
    };
    if (directory || relative === '') {
      const index = await take(own, relative === '' ? 'index.html' : `${relative}/index.html`);
      if (index) return index;
    } else {
      const version = /^v=([0-9a-f]{8})$/.exec(query)?.[1];
      if (version !== undefined) return this.#findVersion(relative, version, take);
      const exact = await take(own, relative);
      if (exact) return exact;
      if (isFingerprinted(relative)) {
        for (const files of this.#previous) {
          const old = await take(files, relative);
          if (old) return old;
        }
        return undefined;
      }
      const clean = await take(own, `${relative}.html`);
      if (clean) return clean;
      if (await own.facts(`${relative}/index.html`)) return 'directory';
    }
    const wantsPage = headers.get('accept')?.includes('text/html') === true;
    const extensionless = !relative.slice(relative.lastIndexOf('/') + 1).includes('.');
    if (this.#pool.spaFallback && wantsPage && extensionless) return take(own, 'index.html');
    return wantsPage ? take(own, '404.html', cacheControl.page, 404) : undefined;
  }

  /** A file under the version that a page gave it: this release's, an earlier one's, or (not to be kept) what there is now. */
  async #findVersion(
    relative: string,
    version: string,
    take: (files: Files, file: string, policy?: string) => Promise<Found | undefined>,
  ): Promise<Found | undefined> {
    const present = await take(this.#files, relative, cacheControl.immutable);
    if (present?.facts.version === version) return present;
    for (const files of this.#previous) {
      const old = await take(files, relative, cacheControl.immutable);
      if (old?.facts.version === version) {
        await present?.handle.close();
        return old;
      }
      await old?.handle.close();
    }
    return present && { ...present, cacheControl: cacheControl.page };
  }

  /** Sends a `.br` or `.gz` sibling when the client takes it; false when there is none. */
  async #sendCompressed(req: ClientRequest, res: ClientAnswer, { found, headers }: Sending): Promise<boolean> {
    if (headers.has('range')) return false;
    const accepted = headers.get('accept-encoding') ?? '';
    for (const [encoding, suffix] of precompressed) {
      if (!new RegExp(`(?:^|,)\\s*${encoding}\\s*(?:$|,|;(?!\\s*q=0(?:\\.0*)?\\s*(?:$|,)))`, 'i').test(accepted)) continue;
      const sibling = await found.files.open(`${found.relative}${suffix}`);
      if (!sibling) continue;
      try {
        await send(req, res, { found: { ...found, ...sibling }, headers, encoding });
        return true;
      } finally {
        await sibling.handle.close();
      }
    }
    return false;
  }
}

interface Sending {
  readonly found: Found;
  readonly headers: ReadonlyMap<string, string>;
  readonly encoding?: string;
}

/** Small files go out in one piece, larger ones as a stream no faster than the client reads. */
async function send(req: ClientRequest, res: ClientAnswer, { found, headers, encoding }: Sending): Promise<void> {
  const { facts, handle, relative } = found;
  const fields: Record<string, string> = {
    ...common(found, facts.etag, facts.modified),
    'accept-ranges': 'bytes',
    vary: 'accept-encoding',
  };
  if (notModified(headers, facts) && found.status === 200) {
    res.writeHead(304, fields).end();
    return;
  }
  fields['content-type'] = mediaTypeOf(relative);
  if (encoding !== undefined) fields['content-encoding'] = encoding;
  const range = encoding === undefined && found.status === 200 ? rangeOf(headers, facts) : 'all';
  if (range === 'unsatisfiable') {
    res.writeHead(416, { 'content-range': `bytes */${facts.size}` }).end();
    return;
  }
  const { from, to } = range === 'all' ? { from: 0, to: facts.size - 1 } : range;
  if (range !== 'all') fields['content-range'] = `bytes ${from}-${to}/${facts.size}`;
  fields['content-length'] = String(to - from + 1);
  res.writeHead(range === 'all' ? found.status : 206, fields);
  if (req.method === 'HEAD' || facts.size === 0) {
    res.end();
  } else if (to - from < 64 * 1024) {
    const buffer = Buffer.allocUnsafe(to - from + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    if (bytesRead < buffer.length) res.destroy();
    else res.end(buffer);
  } else {
    await pipeline(handle.createReadStream({ start: from, end: to, autoClose: false }), res);
  }
}

function sendPage(
  req: ClientRequest,
  res: ClientAnswer,
  { found, page, headers }: { readonly found: Found; readonly page: Page; readonly headers: ReadonlyMap<string, string> },
): void {
  const fields = common(found, page.etag, found.facts.modified);
  // Its date is the file's, but its content follows other files too: only the tag counts.
  delete fields['last-modified'];
  if (
    found.status === 200 &&
    headers.has('if-none-match') &&
    notModified(headers, { etag: page.etag, modified: found.facts.modified })
  ) {
    res.writeHead(304, fields).end();
    return;
  }
  fields['content-type'] = mediaTypeOf(found.relative);
  fields['content-length'] = String(page.body.length);
  res.writeHead(found.status, fields).end(req.method === 'HEAD' ? undefined : page.body);
}

function common(found: Found, etag: string, modified: Date): Record<string, string> {
  return {
    etag,
    'last-modified': modified.toUTCString(),
    'cache-control': found.cacheControl,
    'x-content-type-options': 'nosniff',
  };
}

function headersOf(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? (raw[i + 1] as string) : `${before}, ${raw[i + 1]}`);
  }
  return headers;
}
