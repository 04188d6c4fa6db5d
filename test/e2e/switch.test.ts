import { afterAll, beforeAll, expect, test } from 'vitest';
import { oneService } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

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
