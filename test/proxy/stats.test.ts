import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WorkerStats } from '../../src/proxy/protocol.ts';
import { ask } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { tableOf } from './tables.ts';

let app: App;
let bench: Bench;
const heard: WorkerStats[] = [];
const requests = (): number => heard.at(-1)?.counts.reduce((sum, arm) => sum + arm.requests, 0) ?? 0;

beforeAll(async () => {
  app = await startApp('app');
  const splits = [{ app: 'shop', releases: { v1: { apps: [app] } }, routes: ['shop.test'] }];
  bench = await openBench({ stored: tableOf({ version: 1, epoch: 1, splits }) });
  bench.worker.control.on('stats', (stats) => void heard.push(stats));
  await bench.worker.control.call('watch-stats', { everyMs: 50 });
  await until('the first snapshot', async () => heard.length > 0);
});
afterAll(async () => {
  await bench.close();
  await endApps();
});

const visit = (path: string): ReturnType<typeof ask> => ask({ port: bench.port, host: 'shop.test', path });

describe('whoever watches a worker', () => {
  test('is told each change of its counts, and nothing while there is none', async () => {
    await visit('/who');
    await until('the request and its end are told', async () => requests() === 1 && heard.at(-1)?.counts[0]?.inFlight === 0);
    // The client's connection may end a moment later.
    await until('all connections have ended', async () => heard.at(-1)?.connections === 0);
    const before = heard.length;
    await wait(600);
    expect(heard.length).toBe(before);
    await visit('/who');
    await until('what comes after the silence is told', async () => requests() === 2);
  });

  test('hears of an error soon, also after a long silence', async () => {
    const everySoOften = 20_000;
    const errors: number[] = [];
    bench.worker.control.on('stats', (stats) => void errors.push(stats.counts.reduce((sum, arm) => sum + arm.errors, 0)));
    await bench.worker.control.call('watch-stats', { everyMs: everySoOften });
    expect((await visit('/fail')).status).toBe(500);
    await until('the error is told', async () => errors.includes(1), 5000);
  });
});
