import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask, raw } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let one: App;
let two: App;

beforeAll(async () => {
  [one, two] = await Promise.all([startApp('one'), startApp('two')]);
});
beforeEach(async () => {
  bench = await openBench();
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [one] } } }] }));
});
afterEach(() => bench.close());
afterAll(endApps);

const switchToTwo = () => bench.commit(tableOf({ version: 2, splits: [{ releases: { v2: { apps: [two] } } }] }));
const drain = (deadlineMs: number) => bench.worker.control.call('drain', { epoch: 1, pool: 'shop-v1', deadlineMs });

async function openSocket(
  path = '/',
): Promise<{ socket: WebSocket; messages: string[]; closed: Promise<number>; errors: Error[] }> {
  const socket = new WebSocket(`ws://127.0.0.1:${bench.port}${path}`);
  const messages: string[] = [];
  const errors: Error[] = [];
  socket.on('message', (data) => messages.push((data as Buffer).toString()));
  socket.on('error', (error) => errors.push(error));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await once(socket, 'open');
  return { socket, messages, closed, errors };
}

interface EventStream {
  readonly text: () => string;
  /** True: a clean end; false: a cut. */
  readonly ended: Promise<boolean>;
  readonly close: () => void;
}

function openEvents(path: string): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const req = request(
      { port: bench.port, host: '127.0.0.1', path, headers: { host: 'a', accept: 'text/event-stream' }, agent: false },
      (res) => {
        let text = '';
        res.on('data', (chunk) => (text += chunk));
        const ended = new Promise<boolean>((done) => {
          res.on('end', () => done(true));
          res.on('error', () => done(false));
        });
        resolve({ text: () => text, ended, close: () => req.destroy() });
      },
    );
    req.on('error', reject);
    req.end();
  });
}

describe('websockets', () => {
  test('carry messages both ways', async () => {
    const { socket, messages, closed } = await openSocket();
    socket.send('ping');
    await until('both messages', () => messages.length === 2);
    expect(messages).toEqual(['hello from one', 'one: ping']);
    expect(await bench.counts('v1')).toMatchObject({ requests: 1, inFlight: 1, byClass: [0, 1, 0, 0, 0, 0] });
    socket.close();
    await closed;
    await until('released', async () => (await bench.counts('v1')).inFlight === 0);
  });
  test('get the whole drain time, then a close frame 1012 at a frame border', async () => {
    const { messages, closed, errors } = await openSocket('/ticks');
    await switchToTwo();
    const started = performance.now();
    const drained = drain(400);
    expect(await closed).toBe(1012);
    expect(performance.now() - started).toBeGreaterThan(350);
    expect(errors).toEqual([]);
    const ticks = messages.slice(1).map((message) => Number(message.split(' ')[1]));
    expect(ticks.length).toBeGreaterThan(20);
    expect(ticks).toEqual(ticks.map((_, index) => index));
    expect(await drained).toMatchObject({ cut: 1 });
  });
  test('a frame that is under way at the deadline is finished first', async () => {
    const { messages, closed, errors } = await openSocket('/torn');
    await switchToTwo();
    await drain(50);
    expect(await closed).toBe(1012);
    expect(errors).toEqual([]);
    expect(messages.at(-1)).toBe('y'.repeat(300));
  });
  test('the app sees the disconnect at the end of the drain', async () => {
    const before = (await one.stats()).disconnects;
    const { closed } = await openSocket();
    await switchToTwo();
    await drain(50);
    await closed;
    await until('seen', async () => (await one.stats()).disconnects === before + 1);
  });
  test('a drain ends as soon as the last one has closed by itself', async () => {
    const { socket, closed } = await openSocket();
    await switchToTwo();
    const drained = drain(20_000);
    socket.close();
    await closed;
    expect(await drained).toEqual({ finished: 1, cut: 0 });
  });
  test('a refusal of the app reaches the client', async () => {
    const got = await raw(bench.port, 'GET /no HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    expect(got).toMatch(/^HTTP\/1.1 403 /);
    expect(got.endsWith('no')).toBe(true);
  });
  test('other protocols than websocket are carried too', async () => {
    const got = await raw(
      bench.port,
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: custom/1\r\n\r\nearly bytes',
      (text) => text.endsWith('early bytes'),
    );
    expect(got).toMatch(/^HTTP\/1.1 101 /);
  });
  test('bytes behind an upgrade that the app refuses never reach it', async () => {
    const { seen } = await one.stats();
    const got = await raw(
      bench.port,
      'GET /no HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n',
    );
    expect(got.match(/HTTP\/1.1/g)).toHaveLength(1);
    const after = await one.stats();
    expect(after.seen).toBe(seen + 1);
    expect(after.paths).not.toContain('/smuggled');
  });
});

describe('server-sent events', () => {
  test('headers and the first event arrive before the response ends', async () => {
    const quiet = await openEvents('/quiet');
    quiet.close();
    const stream = await openEvents('/sse');
    await until('an event', () => stream.text().includes('data: one 0\n\n'));
    stream.close();
    await until('the app is told', async () => (await bench.counts('v1')).inFlight === 0);
  });
  test('get the whole drain time, then a clean end behind a whole event', async () => {
    const stream = await openEvents('/sse?every=10');
    await switchToTwo();
    const started = performance.now();
    expect(await drain(400)).toEqual({ finished: 0, cut: 1 });
    expect(await stream.ended).toBe(true);
    expect(performance.now() - started).toBeGreaterThan(350);
    expect(stream.text().endsWith('\n\n')).toBe(true);
    expect(stream.text().match(/data:/g)?.length).toBeGreaterThan(10);
    expect((await bench.counts('v1')).dropped).toBe(0);
  });
  test('an event that is under way at the deadline is finished first', async () => {
    const stream = await openEvents('/sse-half?ms=400');
    await until('the first half', () => stream.text().endsWith('tw'));
    await switchToTwo();
    await drain(50);
    expect(await stream.ended).toBe(true);
    expect(stream.text()).toBe('data: one\n\ndata: two\n\n');
  });
});

describe('streaming', () => {
  test('a slow reader slows the app down: memory stays bounded', async () => {
    const before = (await one.stats()).written;
    const stalled = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const req = request(
        { port: bench.port, host: '127.0.0.1', path: '/big?bytes=300000000', headers: { host: 'a' }, agent: false },
        resolve,
      );
      req.on('error', reject);
      req.end();
    });
    stalled.on('error', () => {});
    const looks = [before];
    await until('the app to stand still', async () => {
      await new Promise((resolve) => setTimeout(resolve, 250));
      looks.push((await one.stats()).written);
      return new Set(looks.slice(-4)).size === 1;
    });
    // What the app was able to write lies in the buffers of two connections, or in the memory of the proxy between them.
    expect((looks.at(-1) ?? 0) - before).toBeGreaterThan(0);
    expect((looks.at(-1) ?? 0) - before).toBeLessThan(60_000_000);
    stalled.destroy();
    await until('let go', async () => (await bench.counts('v1')).inFlight === 0);
  });
  test('an upload is held back while the app does not read', async () => {
    let written = 0;
    const req = request({
      port: bench.port,
      host: '127.0.0.1',
      path: '/lazy',
      method: 'POST',
      headers: { host: 'a' },
      agent: false,
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      req.on('response', (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.on('error', reject);
    });
    const chunk = Buffer.alloc(256 * 1024);
    const total = 160;
    const looks: number[] = [];
    const pump = (): void => {
      while (written < total) {
        written += 1;
        if (!req.write(chunk)) {
          req.once('drain', pump);
          return;
        }
      }
      req.end();
    };
    pump();
    await until('the upload to stand still', async () => {
      looks.push(written);
      await new Promise((resolve) => setTimeout(resolve, 250));
      return looks.length >= 4 && new Set([...looks.slice(-4), written]).size === 1;
    });
    expect(written).toBeLessThan(total);
    await fetch(`http://127.0.0.1:${one.port}/go-on`);
    expect(await answered).toBe(200);
    expect(written).toBe(total);
  });
  test('a client that leaves is seen by the app', async () => {
    const before = (await one.stats()).disconnects;
    const req = request({ port: bench.port, host: '127.0.0.1', path: '/never', headers: { host: 'a' }, agent: false });
    req.on('error', () => {});
    req.end();
    await until('in flight', async () => (await bench.counts('v1')).inFlight === 1);
    req.destroy();
    await until('seen', async () => (await one.stats()).disconnects === before + 1);
    expect(await bench.counts('v1')).toMatchObject({ inFlight: 0, errors: 0, dropped: 0 });
  });
  test('an app that dies in the middle of an answer is a reset for the client, an error and a drop in the counts', async () => {
    await expect(ask({ port: bench.port, path: '/half' })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await bench.counts('v1')).toMatchObject({ requests: 1, errors: 1, dropped: 1, inFlight: 0 });
  });
});
