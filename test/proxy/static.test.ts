import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, raw } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { endApps } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let folder: string;
const hash8 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex').slice(0, 8);

function write(root: string, files: Record<string, string | Buffer>): string {
  const at = join(folder, root);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), content);
  }
  return at;
}

const script = 'console.log("two")';
const page = `<!doctype html><html><head><link rel="stylesheet" href="/style.css"><link rel=icon href=pic.png>
<script src="app.js"></script><script src="/assets/index-BxYz12ab.js"></script><script>var x = '<img src="pic.png">';</script>
<!-- <img src="pic.png"> --></head><body><img src="pic.png#top" srcset="pic.png 1x, https://cdn.test/big.png 2x">
<a href="/about">a</a><img src="https://else.test/pic.png"><img src="pic.png?already"><img src="gone.png"><img src='../pic.png'></body></html>`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sb-static-'));
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  const older = write('r1', {
    'index.html': 'one',
    'app.js': 'console.log("one")',
    'assets/index-OldOld11.js': 'old asset',
    'removed.js': 'removed',
  });
  const root = write('r2', {
    'index.html': page,
    'style.css': 'body{}',
    'app.js': script,
    'pic.png': 'PNG',
    'assets/index-BxYz12ab.js': 'entry',
    'main.3f2a9c1b.js': 'hashed',
    '_next/static/chunks/pages.js': 'next',
    'about.html': 'about page',
    'docs/index.html': 'docs page',
    'big.bin': Buffer.alloc(3_000_000, 'b'),
    'small.txt': '0123456789',
    'lib.js': 'l'.repeat(1000),
    'lib.js.br': brotliCompressSync('l'.repeat(1000)),
    'lib.js.gz': gzipSync('l'.repeat(1000)),
    '.env': 'SECRET=1',
    '.signalbox-artifact.json': '{}',
    '.well-known/.keys': 'SECRET=2',
    '.well-known/security.txt': 'contact',
    '404.html': 'own missing page',
    'empty.txt': '',
  });
  symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'));
  symlinkSync(folder, join(root, 'outside'));
  symlinkSync('small.txt', join(root, 'inside.txt'));
  const spa = write('spa', { 'index.html': 'the app', 'app.js': 'spa' });
  bench = await openBench();
  await bench.commit(
    tableOf({
      version: 1,
      splits: [
        { app: 'site', releases: { v2: { files: { root, previousRoots: [older] } } }, routes: ['site.test'] },
        { app: 'spa', releases: { v1: { files: { root: spa, spaFallback: true } } }, routes: ['spa.test'] },
        { app: 'sub', releases: { v1: { files: { root } } }, routes: [{ at: 'sub.test/docs', stripPath: true }] },
      ],
    }),
  );
});
afterAll(async () => {
  await bench?.close();
  await endApps();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}, host = 'site.test') =>
  ask({ port: bench.port, host, path, headers });
const immutable = 'public, max-age=31536000, immutable';

describe('cache policy', () => {
  test('pages are always asked for again', async () => {
    for (const path of ['/', '/about', '/docs/', '/index.html'])
      expect((await get(path)).headers['cache-control']).toBe('no-cache');
  });
  test('fingerprinted assets are immutable', async () => {
    for (const path of ['/assets/index-BxYz12ab.js', '/main.3f2a9c1b.js', '/_next/static/chunks/pages.js']) {
      const answer = await get(path);
      expect([answer.status, answer.headers['cache-control']]).toEqual([200, immutable]);
    }
  });
  test('assets under a lasting name are asked for again', async () => {
    expect((await get('/app.js')).headers['cache-control']).toBe('public, max-age=0, must-revalidate');
    expect((await get('/pic.png')).headers['cache-control']).toContain('must-revalidate');
  });
  test('pages refer to unversioned assets by their version; all else in the page is untouched', async () => {
    const { body } = await get('/');
    expect(body).toBe(
      page
        .replace('href="/style.css"', `href="/style.css?v=${hash8('body{}')}"`)
        .replace('href=pic.png>', `href=pic.png?v=${hash8('PNG')}>`)
        .replace('src="app.js"', `src="app.js?v=${hash8(script)}"`)
        .replace(
          'src="pic.png#top" srcset="pic.png 1x',
          `src="pic.png?v=${hash8('PNG')}#top" srcset="pic.png?v=${hash8('PNG')} 1x`,
        )
        .replace("src='../pic.png'", `src='../pic.png?v=${hash8('PNG')}'`),
    );
  });
  test('a versioned asset is immutable while the version is right', async () => {
    const answer = await get(`/app.js?v=${hash8(script)}`);
    expect([answer.body, answer.headers['cache-control']]).toEqual([script, immutable]);
  });
  test('an old tab gets the asset of its own release by the old version', async () => {
    const answer = await get(`/app.js?v=${hash8('console.log("one")')}`);
    expect([answer.body, answer.headers['cache-control']]).toEqual(['console.log("one")', immutable]);
  });
  test('a version that nobody knows gets the present file, not to be kept', async () => {
    const answer = await get('/app.js?v=00000000');
    expect([answer.body, answer.headers['cache-control']]).toEqual([script, 'no-cache']);
  });
  test('fingerprinted assets of the releases before stay reachable, other files of theirs do not', async () => {
    const answer = await get('/assets/index-OldOld11.js');
    expect([answer.status, answer.body, answer.headers['cache-control']]).toEqual([200, 'old asset', immutable]);
    expect((await get('/removed.js')).status).toBe(404);
  });
  test('below a stripped prefix absolute references are understood too', async () => {
    const sub = await get('/docs', {}, 'sub.test');
    expect(sub.status).toBe(200);
    expect(sub.body).toContain('href="/style.css"');
    expect(sub.body).toContain(`src="app.js?v=${hash8(script)}"`);
  });
});

describe('answers', () => {
  test('ETag and Last-Modified give 304', async () => {
    const first = await get('/small.txt');
    expect(first.headers.etag).toMatch(/^"[0-9a-f]{32}"$/);
    expect((await get('/small.txt', { 'if-none-match': `W/"x", ${first.headers.etag}` })).status).toBe(304);
    expect((await get('/small.txt', { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get('/small.txt', { 'if-modified-since': first.headers['last-modified'] as string })).status).toBe(304);
    expect(
      (await get('/small.txt', { 'if-none-match': '"x"', 'if-modified-since': first.headers['last-modified'] as string })).status,
    ).toBe(200);
    const home = await get('/');
    expect((await get('/', { 'if-none-match': home.headers.etag as string })).status).toBe(304);
    expect(home.headers['last-modified']).toBeUndefined();
  });
  test('one range is 206; several give the whole; one outside is 416', async () => {
    const part = async (range: string, more = {}) => {
      const answer = await get('/small.txt', { range, ...more });
      return [answer.status, answer.body, answer.headers['content-range']];
    };
    expect(await part('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
    expect(await part('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10']);
    expect(await part('bytes=-2')).toEqual([206, '89', 'bytes 8-9/10']);
    expect(await part('bytes=8-100')).toEqual([206, '89', 'bytes 8-9/10']);
    expect(await part('bytes=0-1,4-5')).toEqual([200, '0123456789', undefined]);
    expect(await part('bytes=5-2')).toEqual([200, '0123456789', undefined]);
    expect((await part('bytes=10-'))[0]).toBe(416);
    expect(await part('bytes=0-1', { 'if-range': '"old"' })).toEqual([200, '0123456789', undefined]);
  });
  test('a large file is streamed whole, and by ranges', async () => {
    expect((await get('/big.bin')).body.length).toBe(3_000_000);
    expect((await get('/big.bin', { range: 'bytes=1000000-2999999' })).body.length).toBe(2_000_000);
  });
  test('precompressed siblings go to clients that take them', async () => {
    const got = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      void import('node:http').then(({ get: httpGet }) =>
        httpGet(
          { port: bench.port, path: '/lib.js', headers: { host: 'site.test', 'accept-encoding': 'gzip, br' }, agent: false },
          (res) => {
            const chunks: Buffer[] = [];
            res.on('data', (chunk: Buffer) => chunks.push(chunk));
            res.on('end', () => resolve({ encoding: res.headers['content-encoding'], body: Buffer.concat(chunks) }));
          },
        ).on('error', reject),
      );
    });
    expect(got.encoding).toBe('br');
    expect(brotliDecompressSync(got.body).toString()).toBe('l'.repeat(1000));
    expect((await get('/lib.js', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBe('gzip');
    expect((await get('/lib.js', { 'accept-encoding': 'br;q=0' })).headers['content-encoding']).toBeUndefined();
    expect((await get('/lib.js')).headers).toMatchObject({
      vary: 'accept-encoding',
      'content-type': 'text/javascript; charset=utf-8',
    });
  });
  test('HEAD has the headers of GET; other methods are refused', async () => {
    const head = await ask({ port: bench.port, host: 'site.test', path: '/small.txt', method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '10', '']);
    expect((await ask({ port: bench.port, host: 'site.test', method: 'POST', body: 'x' })).status).toBe(405);
    expect((await get('/empty.txt')).body).toBe('');
  });
  test('a folder is served by its index and found without its slash; pages without their ending', async () => {
    expect((await get('/docs/')).body).toBe('docs page');
    const redirect = await get('/docs?x=1');
    expect([redirect.status, redirect.headers.location]).toEqual([301, '/docs/?x=1']);
    expect((await get('/about')).body).toBe('about page');
  });
  test('they are counted like those of any release', async () => {
    const counts = await bench.counts('v2', 'site');
    expect(counts.requests).toBeGreaterThan(20);
    expect(counts.inFlight).toBe(0);
    expect(counts.errors).toBe(0);
  });
});

describe('what is not there', () => {
  test('a missing asset is a 404, never the page of the single-page app', async () => {
    const html = { accept: 'text/html,*/*' };
    expect((await get('/assets/gone-Abc12345.js', html, 'spa.test')).status).toBe(404);
    expect((await get('/gone.js', { accept: '*/*' }, 'spa.test')).status).toBe(404);
    expect((await get('/deep/link', { accept: '*/*' }, 'spa.test')).status).toBe(404);
  });
  test('the single-page app answers for addresses without ending when a page is asked for', async () => {
    const answer = await get('/deep/link?x', { accept: 'text/html' }, 'spa.test');
    expect([answer.status, answer.body, answer.headers['cache-control']]).toEqual([200, 'the app', 'no-cache']);
  });
  test("the site's own 404 page is used", async () => {
    const answer = await get('/nowhere', { accept: 'text/html' });
    expect([answer.status, answer.body]).toEqual([404, 'own missing page']);
  });
});

describe('no escape from the root', () => {
  const attacks = [
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..\\secret.txt',
    '/..%5csecret.txt',
    '/docs/../../secret.txt',
    '/link.txt',
    '/outside/secret.txt',
    '/small.txt%00.png',
    '//secret.txt',
    '/.env',
    '/%2eenv',
    '/.signalbox-artifact.json',
    '/.well-known/.keys',
    '/%c0%ae%c0%ae/secret.txt',
    '/%zz',
    '/.',
    '/./small.txt',
  ];
  test.each(attacks)('%s', async (path) => {
    const got = await raw(bench.port, `GET ${path} HTTP/1.1\r\nhost: site.test\r\nconnection: close\r\n\r\n`);
    expect(got).toMatch(/^HTTP\/1.1 40[04] /);
    expect(got).not.toContain('secret\n');
    expect(got.split('\r\n\r\n')[1]).not.toBe('secret');
  });
  test('links inside the root and .well-known are fine', async () => {
    expect((await get('/inside.txt')).body).toBe('0123456789');
    expect((await get('/.well-known/security.txt')).body).toBe('contact');
  });
});
