import { expect, test, vi } from 'vitest';
import { generateLoad } from '../../bench/load/generator.ts';
import { Histogram } from '../../bench/load/histogram.ts';
import { Pacer } from '../../bench/load/pacer.ts';
import { answer, serve } from './servers.ts';

const page = { name: 'page', weight: 1, method: 'GET', path: '/page' } as const;

test('the mix is kept exactly, and the share of new connections is what the server sees', async () => {
  const server = await serve();
  const mix = [
    { ...page, weight: 85 },
    { ...page, name: 'slow', weight: 5, path: '/slow' },
    { name: 'order', weight: 10, method: 'POST', path: '/orders', order: true } as const,
  ];
  const report = await generateLoad({ target: server.target, mix, count: 400, connections: 4, newConnections: 0.25 }).done;
  expect(report).toMatchObject({ ok: 400, dropped: 0, perItem: { page: 340, slow: 20, order: 40 } });
  expect(server.requests.filter((request) => request.method === 'POST')).toHaveLength(40);
  expect(server.connections()).toBeGreaterThanOrEqual(100);
  expect(server.connections()).toBeLessThanOrEqual(104);
  expect(report.connectionsOpened).toBe(server.connections());
});

test('stopped early, the totals still add up to what the server saw', async () => {
  const server = await serve((request, response) => {
    setTimeout(() => answer(request, response, 'hello '), 30);
    return true;
  });
  const load = generateLoad({ target: server.target, mix: [page], connections: 8 });
  await vi.waitUntil(() => load.totals().ok > 50, { timeout: 10_000, interval: 5 });
  expect(load.totals().inFlight).toBeGreaterThan(0);
  const report = await load.stop();
  expect(report).toMatchObject({ inFlight: 0, dropped: 0 });
  expect(report.started).toBe(report.ok);
  expect(server.requests).toHaveLength(report.started);
});

test('ends by itself after its time', async () => {
  const server = await serve();
  const report = await generateLoad({ target: server.target, mix: [page], rate: 50, seconds: 0.5 }).done;
  expect(report.elapsedMs).toBeGreaterThan(450);
  expect(report.started).toBe(report.ok);
});

test('a rate bounds a closed loop', async () => {
  const server = await serve();
  const report = await generateLoad({ target: server.target, mix: [page], rate: 100, seconds: 1 }).done;
  expect(report.started).toBeLessThanOrEqual(101);
  expect(report.started).toBeGreaterThan(10);
});

test('an open loop counts a stall against every request that was due in it, a closed loop against one', async () => {
  const stalls = async (mode: 'open' | 'closed'): Promise<number> => {
    let busyUntil = 0;
    const server = await serve((request, response, number) => {
      if (number === 20) busyUntil = Date.now() + 600;
      setTimeout(() => answer(request, response, 'hello '), Math.max(0, busyUntil - Date.now()));
      return true;
    });
    const report = await generateLoad({ target: server.target, mix: [page], mode, rate: 100, count: 100, connections: 1 }).done;
    return report.latency['all']!['page']!.buckets.reduce((sum, [index, count]) => sum + (index > 270 ? count : 0), 0);
  };
  expect(await stalls('open'), 'slower than about 120 ms').toBeGreaterThan(20);
  expect(await stalls('closed')).toBeLessThan(20);
});

test('an open loop without a rate and a mix without weight are refused', () => {
  const target = { host: '127.0.0.1', port: 1 };
  expect(() => generateLoad({ target, mix: [page], mode: 'open' })).toThrow(RangeError);
  expect(() => generateLoad({ target, mix: [{ ...page, weight: 0 }] })).toThrow(RangeError);
});

test('a closed loop that fell behind does not make up for it in a burst', () => {
  const pacer = new Pacer({ mode: 'closed', rate: 10, count: undefined }, 0);
  expect([pacer.next(0), pacer.next(0), pacer.next(5000), pacer.next(5000)]).toEqual([0, 100, 5000, 5100]);
  const open = new Pacer({ mode: 'open', rate: 10, count: 3 }, 0);
  expect([open.next(0), open.next(5000), open.next(5000), open.next(5000)]).toEqual([0, 100, 200, undefined]);
});

test('latencies are kept by phase and item, what the app says of itself by its header', async () => {
  const server = await serve();
  const load = generateLoad({ target: server.target, mix: [page], rate: 100, connections: 2 });
  await vi.waitUntil(() => load.totals().ok >= 5, { timeout: 5000, interval: 5 });
  load.mark('during');
  const before = load.totals().ok;
  await vi.waitUntil(() => load.totals().ok >= before + 10, { timeout: 5000, interval: 5 });
  const report = await load.stop();
  const all = report.latency['all']?.['page']?.count ?? 0;
  const during = report.latency['during']?.['page']?.count ?? 0;
  expect(all + during).toBe(report.ok);
  expect(during).toBeGreaterThan(5);
  expect(report.apps).toEqual({ 'test v1': { answers: report.ok, firstArrival: null, lastArrival: null } });
});

test('percentiles are at most 4.5 % above the truth, and parts add up', () => {
  const halves = [new Histogram(), new Histogram()] as const;
  for (let value = 1; value <= 10_000; value += 1) halves[value % 2 === 0 ? 0 : 1].record(value / 10);
  const all = Histogram.from(halves[0].data(), halves[1].data());
  expect(all.count).toBe(10_000);
  for (const [share, truth] of [
    [0.5, 500],
    [0.99, 990],
    [1, 1000],
  ] as const) {
    expect(all.percentile(share)).toBeGreaterThanOrEqual(truth);
    expect(all.percentile(share)).toBeLessThanOrEqual(truth * 1.045);
  }
  expect(new Histogram().percentile(0.99)).toBe(0);
});
