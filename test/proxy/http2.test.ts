import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultEdge } from '../../src/domain/edge.ts';
import { block, errorOf, flags, frame, frameTypes, get, openFrames } from './frames.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { answerOf, ask2, begin2, type Certification, certify, open2 } from './secure.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
let certs: Certification;
let client: ClientHttp2Session;

beforeAll(async () => {
  certs = certify();
  [bench, app] = await Promise.all([openBench({ certificates: certs.folder }), startApp('app')]);
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] }));
  client = await open2(bench.httpsPort, certs.authority);
});
afterAll(async () => {
  client?.destroy();
  await bench?.close();
  await endApps();
  certs?.remove();
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly raw: readonly string[];
}
const seenBy = (body: string): Seen & { header(name: string): string[] } => {
  const seen = JSON.parse(body) as Seen;
  const header = (name: string): string[] => seen.raw.filter((_, i) => i % 2 === 1 && seen.raw[i - 1]?.toLowerCase() === name);
  return { ...seen, header };
};

describe('a request over HTTP/2', () => {
  test('reaches the app as the same request in HTTP/1.1, with what the proxy says about its client', async () => {
    const { status, body } = await ask2(client, {
      path: '/headers?a=%zz&b',
      headers: { 'x-one': '1', 'x-forwarded-proto': 'http', 'x-forwarded-for': '6.6.6.6' },
    });
    const seen = seenBy(body);
    expect([status, seen.method, seen.url]).toEqual([200, 'GET', '/headers?a=%zz&b']);
    expect(seen.header('host')).toEqual([`app.test:${bench.httpsPort}`]);
    expect(seen.header('x-one')).toEqual(['1']);
    expect(seen.header('x-forwarded-proto')).toEqual(['https']);
    expect(seen.header('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(seen.raw.some((name) => name.startsWith(':'))).toBe(false);
  });
  test('has its cookie crumbs joined', async () => {
    const { body } = await ask2(client, { path: '/headers', headers: { cookie: ['a=1', 'b=2', 'c=3'] as never } });
    expect(seenBy(body).header('cookie')).toEqual(['a=1; b=2; c=3']);
  });
  test('streams its body both ways', async () => {
    const bytes = randomBytes(3_000_000);
    const { body } = await ask2(client, { path: '/sum', method: 'POST', body: bytes });
    expect(JSON.parse(body)).toEqual({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    const { body: echoed } = await ask2(client, { path: '/echo', method: 'POST', body: 'small' });
    expect(echoed).toBe('small');
    const big = await ask2(client, { path: '/big?bytes=5000000' });
    expect(big.body).toHaveLength(5_000_000);
  });
  test('gets early hints, trailers, all its cookies, and no header of connections', async () => {
    const early = await ask2(client, { path: '/early' });
    expect(early.interim).toMatchObject([{ ':status': 103, link: '</style.css>; rel=preload' }]);
    expect(early.body).toBe('app');
    const trailed = await ask2(client, { path: '/trailers', method: 'POST', body: 'x' });
    expect(trailed.trailers).toMatchObject({ 'x-sum': 'abc' });
    expect((await ask2(client, { path: '/cookies' })).headers['set-cookie']).toEqual(['a=1', 'b=2; Path=/']);
    const { headers } = await ask2(client, { path: '/hop' });
    expect(headers).toMatchObject({ 'x-public': 'yes' });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['connection']));
    expect(headers['x-private']).toBeUndefined();
  });
  test('HEAD, 204 and 304 come without a body', async () => {
    for (const [what, status] of [
      [{ path: '/headers', method: 'HEAD' }, 200],
      [{ path: '/status?code=204' }, 204],
      [{ path: '/status?code=304' }, 304],
    ] as const) {
      const answer = await ask2(client, what);
      expect([answer.status, answer.body]).toEqual([status, '']);
    }
  });
  test('announced trailers reach the app, filtered', async () => {
    const stream = client.request(
      { ':path': '/trailers', ':method': 'POST', trailer: 'x-check' },
      { endStream: false, waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'ok', 'x-forwarded-for': '6.6.6.6' }));
    stream.end('body');
    const { trailers } = await answerOf(stream);
    expect(JSON.parse(String(trailers['x-got']))).toEqual({ 'x-check': 'ok' });
  });
  test('Expect: 100-continue is answered by the app', async () => {
    const stream = client.request({ ':path': '/sum', ':method': 'POST', expect: '100-continue', 'content-length': '4' });
    let continued = false;
    stream.on('continue', () => {
      continued = true;
      stream.end('body');
    });
    expect(JSON.parse((await answerOf(stream)).body)).toMatchObject({ bytes: 4 });
    expect(continued).toBe(true);
  });
});

describe('what breaks off', () => {
  test.each(['/half', '/half-chunked'])('an app that dies in the middle of %s: a reset, never an end', async (path) => {
    const { frames, send, frame: next, socket } = await openFrames(bench.httpsPort, certs.authority);
    send(frame(frameTypes.headers, flags.endHeaders | flags.endStream, 1, block(get(path))));
    const reset = await next(frameTypes.rst, 1);
    socket.destroy();
    expect(errorOf(reset)).toBe(2);
    const ends = frames.filter(({ type, stream, flags: f }) => stream === 1 && type < 2 && (f & flags.endStream) !== 0);
    expect(ends).toEqual([]);
  });
  test('a client that cancels is seen by the app', async () => {
    const before = await app.stats();
    const stream = begin2(client, { path: '/never' });
    stream.on('error', () => {});
    await until('the app has it', async () => (await app.stats()).seen > before.seen);
    stream.close(8);
    await until('the app was told', async () => (await app.stats()).disconnects > before.disconnects, 5_000);
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0, 5_000);
  });
  test.each([8, 0])('an upload that is broken off (code %i) never looks complete to the app', async (code) => {
    const before = await app.stats();
    const { send, socket } = await openFrames(bench.httpsPort, certs.authority);
    const head = get(`/once?nonce=cut${code}`).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const);
    send(frame(frameTypes.headers, flags.endHeaders, 1, block(head)), frame(frameTypes.data, 0, 1, Buffer.alloc(10_000, 97)));
    await until('the app has it', async () => (await app.stats()).seen > before.seen);
    send(frame(frameTypes.rst, 0, 1, Buffer.from([0, 0, 0, code])));
    await until('the app was told', async () => (await app.stats()).disconnects > before.disconnects, 5_000);
    socket.destroy();
  });
});

describe('what HTTP/1 can say and HTTP/2 cannot', () => {
  const once = `access-control-allow-credentials access-control-max-age access-control-request-method age authorization
    content-encoding content-language content-location content-md5 content-range content-type date dnt etag expires
    from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location
    max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent
    x-content-type-options`.split(/\s+/);
  test.each(once)('%s said twice by the app goes out once, and the worker lives', async (name) => {
    const headers = encodeURIComponent(JSON.stringify([name, 'one', name, 'two', 'x-other', 'yes']));
    const answer = await ask2(client, { path: `/with?headers=${headers}` });
    expect([answer.status, answer.headers[name], answer.headers['x-other'], answer.body]).toEqual([200, 'one', 'yes', 'app']);
  });
  test('a status beyond 599 is a 502', async () => {
    expect((await ask2(client, { path: '/status?code=999' })).status).toBe(502);
    expect((await ask2(client, { path: '/who' })).body).toBe('app');
  });
});

test('files of a site come with the headers of its edge, each once, small or streamed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sb-site-'));
  writeFileSync(join(root, 'index.html'), '<p>small</p>');
  writeFileSync(join(root, 'large.bin'), Buffer.alloc(300_000, 97));
  const pair = certs.issue(['files.test']);
  certs.put('files', pair);
  await bench.worker.control.call('reload-certificates', {});
  await bench.commit(
    tableOf({
      version: 2,
      splits: [
        { releases: { v1: { apps: [app] } }, routes: ['app.test/'] },
        { app: 'files', releases: { v1: { files: { root }, edge: defaultEdge } }, routes: ['files.test/'] },
      ],
    }),
  );
  const visitor = await open2(bench.httpsPort, certs.authority, 'files.test');
  const [small, large] = [await ask2(visitor), await ask2(visitor, { path: '/large.bin' })];
  visitor.destroy();
  rmSync(root, { recursive: true });
  expect([small.status, small.body, large.status, large.body.length]).toEqual([200, '<p>small</p>', 200, 300_000]);
  expect(small.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
});

test('event streams arrive as they are made and end with the client', async () => {
  const before = await app.stats();
  const stream = begin2(client, { path: '/sse?every=5' });
  let got = '';
  stream.on('data', (chunk: Buffer) => (got += chunk.toString()));
  stream.on('error', () => {});
  await until('some events', () => got.includes('id: 3'));
  stream.close(8);
  await until('the app was told', async () => (await app.stats()).disconnects > before.disconnects, 5_000);
});

test('a slow reader slows the app down: other requests of its connection go on', async () => {
  const before = await app.stats();
  const stream = begin2(client, { path: '/big?bytes=200000000' });
  stream.on('error', () => {});
  stream.pause();
  await until('it has begun', async () => (await app.stats()).written > before.written);
  let last = -1;
  await until('the app writes no more', async () => {
    const { written } = await app.stats();
    const still = written === last;
    last = written;
    await wait(100);
    return still;
  });
  expect(last - before.written).toBeLessThan(30_000_000);
  expect((await ask2(client, { path: '/who' })).body).toBe('app');
  stream.close(8);
});
