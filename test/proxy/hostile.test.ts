import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, raw } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
let files: string;

beforeAll(async () => {
  files = mkdtempSync(join(tmpdir(), 'sb-hostile-'));
  mkdirSync(join(files, 'site'));
  writeFileSync(join(files, 'site/index.html'), '<p>fine</p>');
  [bench, app] = await Promise.all([openBench(), startApp('app')]);
  await bench.commit(
    tableOf({
      version: 1,
      splits: [
        { releases: { v1: { apps: [app] } } },
        { app: 'docs', releases: { v1: { files: { root: join(files, 'site') } } }, routes: ['docs.test'] },
      ],
    }),
  );
});
afterAll(async () => {
  await bench?.close();
  await endApps();
  rmSync(files, { recursive: true, force: true });
});

const open = (bytes: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(bench.port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
    socket.write(bytes);
  });

describe('requests in a row on one connection', () => {
  test('all end when the client leaves, those too whose turn to be answered never came', async () => {
    const before = await app.stats();
    const socket = await open(
      'GET /never HTTP/1.1\r\nhost: a\r\n\r\nGET /big?bytes=50000000 HTTP/1.1\r\nhost: a\r\n\r\nGET /sse HTTP/1.1\r\nhost: a\r\n\r\n',
    );
    await until('the app has all three', async () => (await app.stats()).seen === before.seen + 3);
    socket.destroy();
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0, 5_000);
    await until('the app was told', async () => (await app.stats()).disconnects === before.disconnects + 3, 5_000);
  });

  test('are as many as HTTP/2 would take: more end the connection', async () => {
    const before = await app.stats();
    const many = 'GET /never HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(1_000);
    const socket = await open(many);
    await new Promise((closed) => socket.on('close', closed).resume());
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0, 5_000);
    expect((await app.stats()).seen - before.seen).toBeLessThanOrEqual(129);
    const few = await raw(
      bench.port,
      `${'GET /who HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(100)}GET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
    );
    expect(few.match(/HTTP\/1\.1 200 /g)).toHaveLength(101);
  });

  test('an upgrade is not let in before the requests ahead of it are answered', async () => {
    const { paths } = await app.stats();
    const got = await raw(
      bench.port,
      'GET /slow?ms=200 HTTP/1.1\r\nhost: a\r\n\r\nGET /ticks HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n',
      (text) => text.includes('tick 3'),
    );
    expect(got.startsWith('HTTP/1.1 101')).toBe(false);
    expect((await app.stats()).paths.length).toBeGreaterThanOrEqual(paths.length);
  });
});

test.each(['DELETE', 'HEAD', 'OPTIONS'])('a %s cannot switch protocols, and does not reach the app as a GET', async (method) => {
  const { seen } = await app.stats();
  const got = await raw(
    bench.port,
    `${method} /headers HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n`,
  );
  expect(got).toMatch(/^HTTP\/1\.1 400 /);
  expect((await app.stats()).seen).toBe(seen);
});

const leaving = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n';
test.each([
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n'],
  ['an upgrade that the proxy refuses', `GET / HTTP/1.1\r\nhost: not a host\r\n${leaving}`],
  ['an upgrade by POST', `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n${leaving}`],
  ['an upgrade that the app refuses', `GET /no HTTP/1.1\r\nhost: a\r\n${leaving}`],
])('%s: the connection ends although its client does not end it', async (_what, bytes) => {
  const connections = async (): Promise<number> => (await bench.worker.control.call('stats', {})).connections;
  await until('nobody else is there', async () => (await connections()) === 0, 5_000);
  const socket = connect({ port: bench.port, host: '127.0.0.1', allowHalfOpen: true }).resume();
  socket.on('error', () => {});
  socket.write(bytes);
  await new Promise((ended) => socket.once('end', ended));
  await until('the connection is gone', async () => (await connections()) === 0, 6_000);
  socket.destroy();
});

test('trailers cannot bring in headers that the proxy speaks for, frames by or hides', async () => {
  const got = await raw(
    bench.port,
    'POST /trailers HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\nconnection: close\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nAuthorization: Bearer x\r\nHost: evil\r\nCookie: a=b\r\nX-Signalbox-Candidate: v1:x\r\n\r\n',
  );
  expect(got).toContain('x-sum');
  expect(got).toContain('"x-sum":"7"');
  for (const name of ['x-forwarded-for', 'x-real-ip', 'authorization', '"host"', 'cookie', 'candidate'])
    expect(got).not.toContain(name);
});

test('a client of HTTP/1.0 gets one final answer though it expects 100-continue', async () => {
  const got = await raw(bench.port, 'POST /sum HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi');
  expect(got).toMatch(/^HTTP\/1\.1 200 /);
  expect(got).toContain('"bytes":2');
});

describe('files', () => {
  test('a named pipe among them hangs nothing', async () => {
    if (spawnSync('mkfifo', [join(files, 'site/pipe.js')]).status !== 0) throw new Error('no mkfifo');
    const pipes = Array.from({ length: 8 }, () => ask({ port: bench.port, host: 'docs.test', path: '/pipe.js' }));
    expect((await ask({ port: bench.port, host: 'docs.test', path: '/' })).body).toBe('<p>fine</p>');
    for (const { status } of await Promise.all(pipes)) expect(status).toBe(404);
  });

  test('a site that is itself a link stays in its artifact, also when it leads into another one', async () => {
    const [own, other] = [join(files, 'artifacts/own'), join(files, 'artifacts/other')];
    for (const folder of [own, other]) {
      mkdirSync(join(folder, 'dist'), { recursive: true });
      writeFileSync(join(folder, 'dist/index.html'), folder);
      writeFileSync(join(folder, '.signalbox-artifact.json'), '{}');
    }
    const links = {
      inside: 'dist',
      outside: join(files, 'site'),
      into: join(other, 'dist'),
      onto: other,
      above: join(files, 'artifacts'),
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(own, name));
    const roots = { inside: 'inside', outside: 'outside', into: 'into', onto: 'onto/dist', above: 'above/other/dist' };
    await bench.commit(
      tableOf({
        version: 2,
        splits: [
          { releases: { v1: { apps: [app] } } },
          { app: 'docs', releases: { v1: { files: { root: join(files, 'site') } } }, routes: ['docs.test'] },
          ...Object.entries(roots).map(([name, root]) => ({
            app: name,
            releases: { v1: { files: { root: join(own, root) } } },
            routes: [`${name}.test`],
          })),
        ],
      }),
    );
    const answers = await Promise.all(Object.keys(roots).map((name) => ask({ port: bench.port, host: `${name}.test` })));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 404, 404]);
  });

  test.each([
    ['tags', '<img '.repeat(40_000)],
    ['scripts', '<script>'.repeat(25_000)],
    ['comments', '<!--'.repeat(50_000)],
    ['quotes', '<img src="a>'.repeat(20_000)],
    ['bases', '<base '.repeat(40_000)],
  ])('a page full of broken %s holds up nobody', async (name, html) => {
    writeFileSync(join(files, `site/${name}.html`), html);
    const begun = performance.now();
    const page = ask({ port: bench.port, host: 'docs.test', path: `/${name}.html` });
    await ask({ port: bench.port, path: '/who' });
    await page;
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
