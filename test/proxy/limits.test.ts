import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask, raw } from './clients.ts';
import { type Bench, type BenchOptions, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
const sockets: Socket[] = [];

beforeAll(async () => {
  app = await startApp('app');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bench.close();
});
afterAll(endApps);

async function open(limits: BenchOptions['limits'] = {}, mode?: 'hold' | 'stop'): Promise<void> {
  bench = await openBench({ limits });
  await commit(1, mode);
}
const commit = (version: number, kind: 'open' | 'hold' | 'stop' = 'open') =>
  bench.commit(
    tableOf({
      version,
      splits: [
        {
          releases: { v1: { apps: [app] } },
          mode: kind === 'open' ? { kind } : { kind, healthPaths: ['/health'], message: 'Back at <noon>' },
        },
      ],
    }),
  );

describe('limits', () => {
  test('slow headers end the connection', async () => {
    await open({ headersTimeoutMs: 300 });
    expect(await raw(bench.port, 'GET / HTTP/1.1\r\nhost: a\r\nx-slow')).toMatch(/^HTTP\/1.1 408 /);
    expect(await raw(bench.port, '')).toMatch(/^(HTTP\/1.1 408 .*)?/s);
  });
  test('a body that stops coming is a 408, small or streamed, and the app is told', async () => {
    await open({ bodyIdleTimeoutMs: 300 });
    for (const length of [10, 1_000_000]) {
      expect(await raw(bench.port, `POST /sum HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\nabc`)).toMatch(
        /^HTTP\/1.1 408 /,
      );
    }
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0);
    expect((await bench.counts('v1')).errors).toBe(0);
  });
  test('an upload is not called slow while it is the app that does not read', async () => {
    await open({ bodyIdleTimeoutMs: 300 });
    const answer = await ask({ port: bench.port, path: '/lazy?ms=1200', method: 'POST', body: Buffer.alloc(30_000_000) });
    expect([answer.status, answer.body]).toEqual([200, 'taken']);
  });
  test('oversized headers are a 431', async () => {
    await open({ maxHeaderBytes: 4096 });
    expect(await raw(bench.port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(5000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });
  test('oversized bodies are a 413, announced or not', async () => {
    await open({ maxBodyBytes: 100_000 });
    expect(await raw(bench.port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100001\r\n\r\n')).toMatch(/^HTTP\/1.1 413 /);
    const chunk = `${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n0\r\n\r\n`;
    expect(await raw(bench.port, `POST /sum HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`)).toMatch(
      /^HTTP\/1.1 413 /,
    );
    expect((await ask({ port: bench.port, path: '/sum', method: 'POST', body: Buffer.alloc(100_000) })).status).toBe(200);
  });
  test('a flood of idle connections is bounded and passes', async () => {
    await open({ maxConnections: 20, headersTimeoutMs: 500 });
    for (let i = 0; i < 60; i += 1) {
      const socket = connect(bench.port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
    }
    await until('the bound holds', async () => (await bench.worker.control.call('stats', {})).connections >= 15);
    expect((await bench.worker.control.call('stats', {})).connections).toBeLessThanOrEqual(20);
    const answer = await until('room again', () => ask({ port: bench.port, path: '/who' }).catch(() => undefined));
    expect(answer.body).toBe('app');
  });
});

describe('held traffic', () => {
  test('waits in a bounded queue, in order and without loss, and is let go gradually', async () => {
    await open({ holdQueue: 50 }, 'hold');
    const before = (await app.stats()).seen;
    const held = Array.from({ length: 50 }, () => ask({ port: bench.port, path: '/who' }));
    await until('all are connected', async () => (await bench.worker.control.call('stats', {})).connections >= 50);
    const surplus = await until('the queue is full', async () => {
      const answer = await Promise.race([
        ask({ port: bench.port, path: '/who' }),
        new Promise<undefined>((done) => setTimeout(done, 200, undefined)),
      ]);
      return answer;
    });
    expect([surplus.status, JSON.parse(surplus.body).code]).toEqual([503, 'HOLD_QUEUE_FULL']);
    expect((await app.stats()).seen).toBe(before);
    // Whoever is let go is gone by the time of the second table: only the first few may be.
    await Promise.all([commit(2), commit(3, 'hold')]);
    await until('the first are answered', async () => (await app.stats()).seen > before);
    expect((await app.stats()).seen - before).toBeLessThan(30);
    await commit(4);
    const statuses = (await Promise.all(held)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(49);
  });
  test('ends with a 503 after the longest wait', async () => {
    await open({ holdTimeoutMs: 200 }, 'hold');
    const answer = await ask({ port: bench.port });
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
  });
  test('a client that leaves gives up its place', async () => {
    await open({ holdQueue: 1 }, 'hold');
    const leaving = connect(bench.port, '127.0.0.1');
    leaving.on('error', () => {});
    leaving.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await until('the queue is full', async () => {
      const answer = await Promise.race([
        ask({ port: bench.port }),
        new Promise<undefined>((done) => setTimeout(done, 150, undefined)),
      ]);
      return answer?.status === 503;
    });
    leaving.destroy();
    const connections = async () => (await bench.worker.control.call('stats', {})).connections;
    await until('it is gone', async () => (await connections()) === 0);
    const next = ask({ port: bench.port, path: '/who' });
    await until('the next one is there', async () => (await connections()) === 1);
    const surplus = await ask({ port: bench.port });
    expect([surplus.status, JSON.parse(surplus.body).code]).toEqual([503, 'HOLD_QUEUE_FULL']);
    await commit(2);
    expect((await next).status).toBe(200);
  });
  test('a candidate passes', async () => {
    await open({}, 'hold');
    const answer = await ask({
      port: bench.port,
      path: '/who',
      headers: { 'x-signalbox-candidate': 'shop/production/v1:a-candidate-token' },
    });
    expect(answer.body).toBe('app');
  });
});

describe('stopped traffic', () => {
  test('is answered with the message at once, escaped for people; the health path still answers', async () => {
    await open({}, 'stop');
    const machine = await ask({ port: bench.port });
    expect([machine.status, JSON.parse(machine.body).detail]).toEqual([503, 'Back at <noon>']);
    const person = await ask({ port: bench.port, headers: { accept: 'text/html' } });
    expect(person.body).toContain('Back at &#60;noon&#62;');
    expect((await ask({ port: bench.port, path: '/health?deep=1' })).status).toBe(200);
  });
});
