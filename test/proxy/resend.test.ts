import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, keepAlive } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let alive: App;

beforeAll(async () => {
  alive = await startApp('alive');
});
beforeEach(async () => {
  bench = await openBench({ limits: { connectTimeoutMs: 300 } });
});
afterEach(() => bench.close());
afterAll(endApps);

const nobody = (port: number) => ({ ...alive.endpoint, instance: 'dead.0' as never, port });
const serve = (version: number, ...apps: (App | App['endpoint'])[]) =>
  bench.commit(tableOf({ version, splits: [{ releases: { v1: { apps, requestTimeoutMs: 400 } } }] }));

describe('resend', () => {
  test('a request whose instance refuses is answered by another one, any method', async () => {
    const dead = await startApp('dead');
    await dead.kill();
    await serve(1, nobody(dead.port), alive);
    for (let i = 0; i < 12; i += 1) {
      const method = i % 2 === 0 ? 'GET' : 'POST';
      const answer = await ask({
        port: bench.port,
        path: '/sum',
        method,
        ...(method === 'POST' ? { body: 'x'.repeat(i * 20_000) } : {}),
      });
      expect([i, answer.status]).toEqual([i, 200]);
    }
    const counts = await bench.counts('v1');
    expect(counts.resent).toBeGreaterThan(0);
    expect(counts).toMatchObject({ requests: 12, dropped: 0, inFlight: 0 });
  });
  test('a safe request that is reset goes to another instance, one that is not safe is a 502', async () => {
    const resetting = await startApp('resetting', { program: 'resets' });
    await serve(1, resetting);
    expect((await ask({ port: bench.port, path: '/' })).status).toBe(502);
    await serve(2, resetting, alive);
    // Whichever of the two is drawn: what the first one reset may not be executed by the other.
    const post = async (nonce: string) =>
      (await ask({ port: bench.port, path: `/once?nonce=${nonce}`, method: 'POST', body: 'x' })).status;
    const statuses = new Map<string, number>();
    while (![...statuses.values()].includes(502) && statuses.size < 40) {
      const nonce = `reset-${statuses.size}`;
      statuses.set(nonce, await post(nonce));
    }
    const { posts } = await alive.stats();
    expect([...statuses].map(([nonce, got]) => [got, posts[nonce] ?? 0])).toEqual(
      [...statuses.keys()].map((_, index) => (index === statuses.size - 1 ? [502, 0] : [200, 1])),
    );
    for (let i = 0; i < 8; i += 1) expect((await ask({ port: bench.port, path: '/who' })).body).toBe('alive');
    const { errors, dropped } = await bench.counts('v1');
    expect(errors).toBeGreaterThanOrEqual(2);
    expect(dropped).toBe(2);
  });
  test('a request that meets nobody waits for the restarted instance, any method: only its release is blamed', async () => {
    const first = await startApp('first');
    await first.kill();
    await serve(1, nobody(first.port));
    const asked = ['GET', 'POST', 'DELETE'].map((method) =>
      ask({ port: bench.port, path: '/who', method, ...(method === 'POST' ? { body: 'x' } : {}) }),
    );
    await until('all have met nobody', async () => (await bench.counts('v1')).errors === 3);
    await startApp('second', { port: first.port });
    for (const { status, body } of await Promise.all(asked)) expect([status, body]).toEqual([200, 'second']);
    expect(await bench.counts('v1')).toMatchObject({ requests: 3, errors: 3, resent: 3, dropped: 0, inFlight: 0 });
  });
  test('a request that meets nobody is answered by the release that takes over', async () => {
    const gone = await startApp('gone');
    await gone.kill();
    await serve(1, nobody(gone.port));
    const asked = [ask({ port: bench.port, path: '/who' }), ask({ port: bench.port, path: '/who', method: 'POST', body: 'x' })];
    await until('both have met nobody', async () => (await bench.counts('v1')).errors === 2);
    const releases = { v0: { apps: [alive] }, v1: { apps: [nobody(gone.port)], weight: 0, role: 'canary' as const } };
    await bench.commit(tableOf({ version: 2, splits: [{ releases }] }));
    for (const { status, body } of await Promise.all(asked)) expect([status, body]).toEqual([200, 'alive']);
    expect(await bench.counts('v1')).toMatchObject({ requests: 2, errors: 2, rescued: 2, dropped: 0, inFlight: 0 });
  });
  test('when nobody comes within 2 s the requests are 502, and those that follow are so at once', async () => {
    const gone = await startApp('gone');
    await gone.kill();
    await serve(1, nobody(gone.port));
    const from = performance.now();
    expect((await ask({ port: bench.port })).status).toBe(502);
    expect(performance.now() - from).toBeGreaterThan(1_900);
    const then = performance.now();
    for (let i = 0; i < 10; i += 1) expect((await ask({ port: bench.port })).status).toBe(502);
    expect(performance.now() - then).toBeLessThan(1_900);
    expect(await bench.counts('v1')).toMatchObject({ requests: 11, errors: 11, resent: 1, dropped: 11, inFlight: 0 });
  });
  test('a time-out is not tried again: 504', async () => {
    await serve(1, alive, { ...alive.endpoint, instance: 'second' as never });
    const { seen } = await alive.stats();
    const answer = await ask({ port: bench.port, path: '/never' });
    expect(answer.status).toBe(504);
    expect((await alive.stats()).seen).toBe(seen + 1);
    expect(await bench.counts('v1')).toMatchObject({ errors: 1, dropped: 1, resent: 0 });
  });
  test('an app that closes idle connections early loses nobody a request, safe or not', async () => {
    const hasty = await startApp('hasty', { program: 'closes-early' });
    await serve(1, hasty);
    const agent = keepAlive();
    for (let i = 0; i < 60; i += 1) {
      const unsafe = i % 2 === 0;
      const answer = await ask({ port: bench.port, agent, method: unsafe ? 'POST' : 'GET', ...(unsafe ? { body: 'x' } : {}) });
      expect([i, answer.status, answer.body]).toEqual([i, 200, 'ok']);
      await new Promise((resolve) => setTimeout(resolve, i % 7));
    }
    agent.destroy();
    expect(await bench.counts('v1')).toMatchObject({ requests: 60, errors: 0, dropped: 0 });
  });
  test('a pooled connection that ended unseen costs nobody a request: a safe one is sent again, another gets a fresh one', async () => {
    await serve(1, await startApp('once', { program: 'once-per-connection' }));
    for (let i = 0; i < 12; i += 1) {
      const unsafe = i % 3 === 2;
      const answer = await ask({ port: bench.port, method: unsafe ? 'POST' : 'GET', ...(unsafe ? { body: 'x' } : {}) });
      expect([i, answer.status]).toEqual([i, 200]);
    }
    const counts = await bench.counts('v1');
    expect(counts.resent).toBeGreaterThan(0);
    expect(counts).toMatchObject({ requests: 12, errors: 0, dropped: 0 });
  });
  test('a request that is not safe is executed once, whatever happens', async () => {
    await serve(1, alive);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask({ port: bench.port, path: `/once?nonce=n${i}`, method: 'POST', body: 'x' })),
    );
    expect(answers.map(({ body }) => body)).toEqual(answers.map(() => '1'));
  });
});

describe('passive ejection', () => {
  test('an instance that fails again and again is left alone, then comes back', async () => {
    const doomed = await startApp('doomed');
    await serve(1, alive, doomed);
    await doomed.kill();
    for (let i = 0; i < 40; i += 1) await ask({ port: bench.port, path: '/who' });
    const { resent } = await bench.counts('v1');
    expect(resent).toBeGreaterThanOrEqual(1);
    expect(resent).toBeLessThanOrEqual(6);
    const back = await startApp('back', { port: doomed.port });
    await until(
      'it is back in the rotation',
      async () => (await ask({ port: bench.port, path: '/who' })).body === 'back',
      15_000,
    );
    await back.kill();
  });
  test('an instance that returns gets its full share only slowly', async () => {
    const doomed = await startApp('doomed');
    await serve(1, alive, doomed);
    await doomed.kill();
    for (let i = 0; i < 12; i += 1) await ask({ port: bench.port, path: '/who' });
    await startApp('back', { port: doomed.port });
    const share = async (): Promise<number> => {
      const bodies = await Promise.all(Array.from({ length: 40 }, () => ask({ port: bench.port, path: '/slow?ms=100' })));
      return bodies.filter(({ body }) => body.startsWith('back')).length;
    };
    await until('its first requests', async () => (await share()) > 0, 8_000);
    // It may have come back in the middle of those; of the next ones it would get half.
    expect(await share()).toBeLessThanOrEqual(12);
  });
  test('when every instance is unhealthy all are tried instead of failing everybody', async () => {
    const ill = { ...alive.endpoint, healthy: false };
    await serve(1, ill);
    expect((await ask({ port: bench.port, path: '/who' })).body).toBe('alive');
    await serve(2, ill, { ...ill, instance: 'ill.1' as never });
    for (let i = 0; i < 6; i += 1) expect((await ask({ port: bench.port, path: '/who' })).body).toBe('alive');
    const other = await startApp('other');
    await serve(3, ill, other);
    for (let i = 0; i < 10; i += 1) expect((await ask({ port: bench.port, path: '/who' })).body).toBe('other');
  });
  test('an instance that all fail on is tried again at once when it answers again', async () => {
    const gone = await startApp('gone');
    await gone.kill();
    await serve(1, nobody(gone.port));
    for (let i = 0; i < 6; i += 1) expect((await ask({ port: bench.port })).status).toBe(502);
    await startApp('again', { port: gone.port });
    expect((await ask({ port: bench.port, path: '/who' })).body).toBe('again');
  });
});

describe('load', () => {
  test('goes to the less loaded of two instances', async () => {
    const second = await startApp('second');
    await serve(1, alive, second);
    const bodies = await Promise.all(Array.from({ length: 40 }, () => ask({ port: bench.port, path: '/slow?ms=150' })));
    const share = bodies.filter(({ body }) => body.startsWith('second')).length;
    expect(share).toBeGreaterThan(14);
    expect(share).toBeLessThan(26);
  });
  test('a pool without instances is 503, or waits for one when it is asleep', async () => {
    await serve(1);
    expect((await ask({ port: bench.port })).status).toBe(503);
    const woken: string[] = [];
    bench.worker.control.on('wake', ({ pool }) => woken.push(pool));
    await bench.commit(tableOf({ version: 2, splits: [{ releases: { v1: { apps: [], whenEmpty: 'hold' } } }] }));
    const held = ask({ port: bench.port, path: '/who' });
    await until('the pool is called', () => woken[0] === 'shop-v1');
    await bench.commit(tableOf({ version: 3, splits: [{ releases: { v1: { apps: [alive], whenEmpty: 'hold' } } }] }));
    expect((await held).body).toBe('alive');
  });
});
