import { afterAll, beforeAll, expect, test } from 'vitest';
import { join } from 'node:path';
import { waitFor } from '../../bench/kit/processes.ts';
import { makeRepository } from '../../bench/kit/repository.ts';
import { fetchRecord } from '../../bench/load/fetch-record.ts';
import { verifyOrders, withOrders } from '../../bench/load/orders.ts';
import { benchedHost, standardLoad } from '../../bench/load/standard-mix.ts';
import { startLoad } from '../../bench/load/start.ts';
import { oneService } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

test('version 2 of every service goes live under mixed load without one request dropped, and deploy says the same', async () => {
  const repository = await makeRepository(join(site.folder, 'benched'), { yaml: [] });
  await repository.commit('1');
  await site.installation.deploy(repository.folder, '--until', 'live');
  const port = site.installation.addresses().http;
  const load = await startLoad(standardLoad({ port, rate: 250, streams: 8, connections: 24 }));
  await waitFor('traffic on version 1', 10_000, async () => (load.totals().apps['1'] ? true : undefined));
  await repository.commit('2');
  const outcome = await site.installation.deploy(repository.folder);
  const seen = load.totals().apps['2'];
  const record = fetchRecord({ host: '127.0.0.1', port, hostHeader: benchedHost, path: '/api/orders' });
  const stopped = await load.stop();
  const report = withOrders(stopped, await verifyOrders(stopped.orders, record));
  expect(outcome.phase).toBe('succeeded');
  expect(seen).toBeDefined();
  expect(losses(report)).toEqual(noLosses);
  expect(report.orders.sent).toBeGreaterThan(10);
  expect(report.websockets.messages).toBeGreaterThan(0);
  expect(report.events.messages).toBeGreaterThan(0);
  expect(outcome.requests.dropped).toBe(0);
  expect(outcome.requests.served).toBeGreaterThan(100);
  expect(outcome.switchMs).toBeLessThan(2000);
});

test('a request in flight over the switch is finished by the old release, which dies at once on SIGTERM', async () => {
  const app = await site.app('abrupt');
  const settings = oneService('abrupt', { env: { VERSION: '1' } });
  await app.commit({ fixture: 'dies-at-once-on-sigterm', settings });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'dies-at-once-on-sigterm', settings: oneService('abrupt', { env: { VERSION: '2' } }) });
  const slow = site.ask('abrupt.localhost', '/slow?ms=4000');
  const outcome = await site.installation.deploy(app.folder);
  expect(await site.json<{ version: string }>('abrupt.localhost')).toMatchObject({ version: '2' });
  const answer = await slow;
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ version: '1' });
  expect(outcome.requests.dropped).toBe(0);
});

test('slow streams and unannounced ends of keep-alive connections lose nothing over a switch', async () => {
  const streams = await site.app('streams');
  await streams.commit({ fixture: 'streams-slowly', settings: oneService('streams', { env: { VERSION: '1' } }) });
  await site.installation.deploy(streams.folder);
  const closes = await site.app('closes');
  await closes.commit({ fixture: 'closes-keep-alive-early', settings: oneService('closes', { env: { VERSION: '1' } }) });
  await site.installation.deploy(closes.folder);
  await streams.commit({ fixture: 'streams-slowly', settings: oneService('streams', { env: { VERSION: '2' } }) });
  await closes.commit({ fixture: 'closes-keep-alive-early', settings: oneService('closes', { env: { VERSION: '2' } }) });
  const visits = await site.visit('closes.localhost');
  const streamed = await site.visit('streams.localhost', '/stream?ms=1500&chunks=5');
  const outcomes = [await site.installation.deploy(closes.folder), await site.installation.deploy(streams.folder)];
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(losses(await streamed.stop())).toEqual(noLosses);
  expect(outcomes.map((o) => o.requests.dropped)).toEqual([0, 0]);
});
