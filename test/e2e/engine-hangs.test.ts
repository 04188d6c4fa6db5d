import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../bench/kit/processes.ts';
import type { AcceptedBody } from '../../src/api/contract.ts';
import { testEngine } from '../docker/engine.ts';
import { type HangingEngine, hangingEngine } from '../docker/hanging-engine.ts';
import { oneService } from './kit/apps.ts';
import { openSite, type Site } from './kit/site.ts';

const engine = testEngine();
let relay: HangingEngine;
let site: Site;
beforeAll(async () => {
  if ('missing' in engine) return;
  relay = await hangingEngine(engine.socket);
  site = await openSite({ SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: relay.host });
});
afterAll(async () => {
  if ('missing' in engine) return;
  relay.goOn();
  expect(await site.stop()).toBe(0);
  await relay.close();
});

test('going back by hand does not wait for an engine that hangs', async (ctx) => {
  if ('missing' in engine) return ctx.skip(engine.missing);
  const { installation } = site;
  const app = await site.app('hangs');
  const version = (n: string) => oneService('hangs', { env: { VERSION: n } }, { strategy: { bake: '10m' } });
  await app.commit({ fixture: 'healthy', settings: version('1') });
  await installation.deploy(app.folder, '--until', 'live');
  await installation.cli('promote', '--app', 'hangs');
  await waitFor('the end of the bake', 20_000, async () =>
    (await site.environment('hangs')).rollout?.ended === false ? undefined : true,
  );
  await app.commit({ fixture: 'healthy', settings: version('2') });
  await installation.deploy(app.folder, '--until', 'live');
  const served = async () => (await site.json<{ version: string }>('hangs.localhost')).version;
  expect(await served()).toBe('2');
  relay.hang();
  const asked = performance.now();
  await installation.api<AcceptedBody>('POST', '/v1/apps/hangs/environments/production/rollbacks', {});
  await waitFor('version 1 to serve', 10_000, async () => ((await served()) === '1' ? true : undefined));
  const back = performance.now() - asked;
  expect(back).toBeLessThan(2000);
  relay.goOn();
});
