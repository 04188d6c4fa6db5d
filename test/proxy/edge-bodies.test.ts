import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { millis } from '../../src/domain/values.ts';
import { ask, raw } from './clients.ts';
import { edgeOf, rateOf } from './edges.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
const sockets: Socket[] = [];
const kib = 1024;
const edge = edgeOf({
  maxBody: [
    { path: '/free', bytes: null },
    { path: '/large', bytes: 4096 * kib },
    { path: '/', bytes: 100 * kib },
  ],
  bodyTimeout: millis(1_000),
});

beforeAll(async () => {
  [bench, app] = await Promise.all([openBench({ limits: { maxBodyBytes: 1024 * kib } }), startApp('app')]);
  await bench.commit(
    tableOf({
      version: 1,
      splits: [
        { releases: { v1: { apps: [app], edge } } },
        {
          app: 'strict',
          routes: ['strict.test'],
          releases: { v1: { apps: [app], edge: edgeOf({ rates: [rateOf({ burst: 1 })] }) } },
        },
      ],
    }),
  );
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await bench.close();
  await endApps();
});

const seen = async (): Promise<number> => (await app.stats()).seen;
const post = (path: string, bytes: number) => ask({ port: bench.port, path, method: 'POST', body: Buffer.alloc(bytes, 120) });

/** Sends a head, then as much as the other side takes; gives back all that it said until it closed. */
function pour(head: string, chunk: Buffer, most: number): Promise<{ received: string; reset: boolean; sent: number }> {
  return new Promise((resolve) => {
    const socket = connect(bench.port, '127.0.0.1');
    sockets.push(socket);
    let [received, reset, sent] = ['', false, 0];
    const more = (): void => {
      while (sent < most && socket.writable) {
        sent += chunk.length;
        if (!socket.write(chunk)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    socket.on('error', (cause: NodeJS.ErrnoException) => (reset ||= cause.code === 'ECONNRESET'));
    socket.on('close', () => resolve({ received, reset, sent }));
    // Reads only after it has been writing for a while, as simple clients do.
    socket.pause();
    setTimeout(() => socket.resume(), 300);
    socket.on('data', (data) => (received += data.toString('latin1')));
    socket.write(head);
    more();
  });
}

describe('a body that is too large', () => {
  test('is a 413 that names the size, before the app hears of it, when it is announced', async () => {
    const before = await seen();
    const { status, body, headers } = await post('/sum', 100 * kib + 1);
    expect([status, headers.connection]).toEqual([413, 'close']);
    expect(JSON.parse(body)).toMatchObject({ code: 'BODY_TOO_LARGE', detail: expect.stringContaining('(100 KiB)') as string });
    expect(await seen()).toBe(before);
    expect((await post('/sum', 100 * kib)).status).toBe(200);
  });

  test('may be larger where its path says so, also beyond what the installation takes by itself', async () => {
    expect((await post('/large/sum', 2048 * kib)).status).toBe(200);
    expect((await post('/free/sum', 8192 * kib)).status).toBe(200);
    expect((await post('/large/sum', 4097 * kib)).status).toBe(413);
    for (const path of ['/largesse/sum', '/large/../sum', '/larg%65/%2e%2e/sum'])
      expect((await post(path, 101 * kib)).status, path).toBe(413);
    expect((await post('/LARGE/sum', 101 * kib)).status).toBe(200);
  });

  test('is a 413 when it turns out so on the way, and no error of the app', async () => {
    const chunk = Buffer.from(`${(16 * kib).toString(16)}\r\n${'x'.repeat(16 * kib)}\r\n`);
    const head = 'POST /sum HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
    const { received } = await pour(head, chunk, 200 * kib);
    expect(received).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/);
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0);
    expect((await bench.counts('v1')).errors).toBe(0);
  });

  test('gets no 100 Continue', async () => {
    const before = await seen();
    const head = `POST /sum HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${101 * kib}\r\n\r\n`;
    const received = await raw(bench.port, head);
    expect(received).toMatch(/^HTTP\/1\.1 413 /);
    expect(received).not.toContain('HTTP/1.1 100');
    expect(await seen()).toBe(before);
  });

  test('lets its client read the answer although it is still sending', async () => {
    const length = 64 * kib * kib;
    const head = `POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`;
    const { received, reset } = await pour(head, Buffer.alloc(64 * kib), length);
    expect(received).toMatch(/^HTTP\/1\.1 413 [^]*"code":"BODY_TOO_LARGE"/);
    expect(reset).toBe(false);
  });

  test('does not keep its connection for ever when its client neither sends nor leaves', async () => {
    const from = performance.now();
    await raw(bench.port, `POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: ${kib * kib}\r\n\r\nx`, undefined, 10_000);
    expect(performance.now() - from).toBeLessThan(8_000);
  });

  test('smuggles nothing: neither what looks like a request in it nor what follows one that was announced reaches the app', async () => {
    const before = await seen();
    const inner = 'GET /who HTTP/1.1\r\nhost: a\r\n\r\n';
    const body = inner + 'x'.repeat(101 * kib - inner.length);
    const received = await raw(
      bench.port,
      `POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}${inner}`,
    );
    const chunked = `POST /sum HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const beyond = await raw(bench.port, chunked);
    for (const text of [received, beyond]) expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413']);
    const heard = (await app.stats()).paths.slice(before);
    expect(heard.filter((path) => path === '/who')).toEqual([]);
  });
});

describe('a refusal for asking too often', () => {
  const ofStrict = (length: number, body: string) =>
    `POST /sum HTTP/1.1\r\nhost: strict.test\r\ncontent-length: ${length}\r\n\r\n${body}`;

  test('keeps the connection for a small body, read to its end, and ends it for a large one', async () => {
    const small = ofStrict(3, 'abc');
    const received = await raw(bench.port, small.repeat(3), (text) => text.split('"RATE_LIMITED"').length > 2);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 429', 'HTTP/1.1 429']);
    const large = await raw(bench.port, ofStrict(100 * kib, 'x'.repeat(100 * kib)) + small);
    expect(large.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 429']);
    expect(large).toContain('connection: close');
  });
});

describe('a body that comes slowly', () => {
  test('passes as long as it gets on, however long it takes in all', async () => {
    const socket = connect(bench.port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.on('data', (data) => (received += data.toString('latin1')));
    socket.write('POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n');
    for (let i = 0; i < 10; i += 1) {
      socket.write('x'.repeat(7_000));
      await wait(250);
    }
    await until('it is answered', () => received.includes('"bytes":70000'));
  });

  test('is a 408 once it is silent for as long as the app bears', async () => {
    const from = performance.now();
    const received = await raw(bench.port, 'POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\nabc');
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - from).toBeGreaterThan(900);
  });
});

describe('an address that is too long', () => {
  test('is a 414, one that apps of node take by themselves is not', async () => {
    const path = (length: number): string => `/who?${'a'.repeat(length - 5)}`;
    expect((await ask({ port: bench.port, path: path(15 * kib) })).status).toBe(200);
    const { status, body } = await ask({ port: bench.port, path: path(16 * kib + 1) });
    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([414, 'TARGET_TOO_LONG']);
  });
});
