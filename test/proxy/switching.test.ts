import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, keepAlive } from './clients.ts';
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
});
afterEach(() => bench.close());
afterAll(endApps);

const toOne = (version: number, epoch = 1) => tableOf({ version, epoch, splits: [{ releases: { v1: { apps: [one] } } }] });
const toTwo = (version: number, epoch = 1) => tableOf({ version, epoch, splits: [{ releases: { v2: { apps: [two] } } }] });

describe('commit', () => {
  test('after it returns no request starts on the old pool, not even on connections that were open before', async () => {
    await bench.commit(toOne(1));
    const agents = Array.from({ length: 8 }, keepAlive);
    const run = { stop: false };
    let committed = false;
    const late: string[] = [];
    const load = agents.map(async (agent) => {
      while (!run.stop) {
        const after = committed;
        const { body } = await ask({ port: bench.port, path: '/who', agent });
        if (after && body !== 'two') late.push(body);
      }
    });
    for (let version = 2; version <= 40; version += 2) {
      committed = false;
      await bench.commit(toTwo(version));
      committed = true;
      await ask({ port: bench.port, path: '/who' });
      committed = false;
      await bench.commit(toOne(version + 1));
    }
    await bench.commit(toTwo(100));
    committed = true;
    await Promise.all(agents.map((agent) => ask({ port: bench.port, path: '/who', agent })));
    run.stop = true;
    await Promise.all(load);
    for (const agent of agents) agent.destroy();
    expect(late).toEqual([]);
  });
  test('requests in flight finish on the instance they started on; the client keeps its connection', async () => {
    await bench.commit(toOne(1));
    const agent = keepAlive();
    const slow = ask({ port: bench.port, path: '/slow?ms=400', agent });
    await until('the request is in flight', async () => (await bench.counts('v1')).inFlight === 1);
    await bench.commit(toTwo(2));
    const [first, second] = [await slow, await ask({ port: bench.port, path: '/who', agent })];
    expect([first.body, second.body]).toEqual(['one slow', 'two']);
    expect(second.localPort).toBe(first.localPort);
    agent.destroy();
  });
  test('the same version again is acknowledged and changes nothing', async () => {
    await bench.commit(toOne(5));
    expect(await bench.commit(toTwo(5))).toEqual({ version: 5 });
    expect((await ask({ port: bench.port, path: '/who' })).body).toBe('one');
  });
  test('an older version or epoch is refused as stale', async () => {
    await bench.commit(toOne(5, 3));
    await expect(bench.commit(toTwo(4, 3))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await expect(bench.commit(toTwo(6, 2))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await expect(bench.worker.control.call('drain', { epoch: 2, pool: 'shop-v1', deadlineMs: 0 })).rejects.toMatchObject({
      code: 'STALE_EPOCH',
    });
    expect(await bench.commit(toTwo(1, 4))).toEqual({ version: 1 });
    expect((await ask({ port: bench.port, path: '/who' })).body).toBe('two');
  });
  test('a table that cannot be served is refused as a whole', async () => {
    await bench.commit(toOne(1));
    const good = toTwo(2);
    const spoiled = [
      { ...good, pools: [] },
      { ...good, splits: [{ ...good.splits[0], arms: [{ release: 'x', weight: 9_999, role: 'stable' }] }] },
      { ...good, splits: [{ ...good.splits[0], mode: { kind: 'odd' } }] },
      { ...good, pools: [{ ...good.pools[0], endpoints: [{ host: '127.0.0.1', port: 0 }] }] },
      { ...good, version: 'x' },
    ];
    for (const table of spoiled) await expect(bench.commit(table as never)).rejects.toMatchObject({ code: 'BAD_TABLE' });
    expect((await ask({ port: bench.port, path: '/who' })).body).toBe('one');
    expect((await bench.worker.control.call('hello', {})).version).toBe(1);
  });
});

describe('drain', () => {
  test('returns at once when nothing is in flight, and for unknown pools', async () => {
    await bench.commit(toOne(1));
    await ask({ port: bench.port });
    await bench.commit(toTwo(2));
    const started = performance.now();
    for (const pool of ['shop-v1', 'shop-v2', 'nobody']) {
      expect(await bench.worker.control.call('drain', { epoch: 1, pool, deadlineMs: 5_000 })).toEqual({ finished: 0, cut: 0 });
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });
  test('waits for what is in flight', async () => {
    await bench.commit(toOne(1));
    const slow = ask({ port: bench.port, path: '/slow?ms=500' });
    await until('in flight', async () => (await bench.counts('v1')).inFlight === 1);
    await bench.commit(toTwo(2));
    const result = await bench.worker.control.call('drain', { epoch: 1, pool: 'shop-v1', deadlineMs: 8_000 });
    expect(result).toEqual({ finished: 1, cut: 0 });
    expect((await slow).body).toBe('one slow');
  });
  test('at the deadline answers 504 where no headers were sent, resets the rest, and the app sees the disconnect', async () => {
    await bench.commit(toOne(1));
    const before = (await one.stats()).disconnects;
    const silent = ask({ port: bench.port, path: '/never' });
    const streaming = ask({ port: bench.port, path: '/big?bytes=500000000' }).catch((cause: NodeJS.ErrnoException) => cause.code);
    await until(
      'in flight',
      async () => (await bench.counts('v1')).byClass[2] === 1 && (await bench.counts('v1')).inFlight === 2,
    );
    await bench.commit(toTwo(2));
    const result = await bench.worker.control.call('drain', { epoch: 1, pool: 'shop-v1', deadlineMs: 200 });
    expect(result).toEqual({ finished: 0, cut: 2 });
    expect((await silent).status).toBe(504);
    expect(await streaming).toBe('ECONNRESET');
    await until('the app saw both go', async () => (await one.stats()).disconnects === before + 2);
    expect(await bench.counts('v1')).toMatchObject({ inFlight: 0, dropped: 2 });
  });
});
