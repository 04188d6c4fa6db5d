import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { RolloutBody } from '../../src/api/contract.ts';
import { losses, noLosses, type Site } from '../e2e/kit/site.ts';
import { daemonOf } from './kit/programs.ts';
import { openShop, running, type Shop, type Who } from './kit/shop.ts';

let shop: Shop;
let site: Site;
beforeAll(async () => {
  shop = await openShop(1);
  site = shop.site;
});
afterAll(async () => expect(await site.stop()).toBe(0));

describe('kill -9 of the control plane drops no request, and the rollout ends as it would have', () => {
  const moments: Readonly<Record<string, (now: RolloutBody) => boolean>> = {
    'at once after it was accepted': () => true,
    'while it builds': running('build'),
    'while its release command runs': running('release command'),
    'while its instance starts': (now) => now.phase === 'starting',
    'in the bake': (now) => now.phase === 'baking',
  };
  for (const [moment, is] of Object.entries(moments)) {
    test(moment, { timeout: 60_000 }, async () => {
      const visits = await site.visit(shop.host);
      const id = await shop.deploy();
      await shop.reaches(id, is);
      await shop.killControlPlane();
      await site.installation.up();
      const ended = await site.installation.ended(id, 30_000);
      expect(ended).toMatchObject({ phase: 'succeeded' });
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect((await shop.settled()).version).toBe(shop.version());
      // The release command has run once for every release, however often its rollout was interrupted.
      expect(await shop.commandRuns(shop.version())).toBe(1);
    });
  }

  test('while a release dies in its bake: it is undone as soon as there is a control plane again', {
    timeout: 60_000,
  }, async () => {
    const before = await site.json<Who>(shop.host);
    const id = await shop.deploy({ fixture: 'dead-in-bake', env: { LIFE_MS: '4500' }, strategy: { bake: '60s' } });
    await shop.reaches(id, (now) => now.phase === 'baking');
    await shop.killControlPlane();
    await waitFor('its death', 20_000, async () => ((await site.ask(shop.host)).status === 200 ? undefined : true));
    await site.installation.up();
    expect(await site.installation.ended(id, 30_000)).toMatchObject({ phase: 'rolled-back' });
    expect(await shop.settled()).toMatchObject({ pid: before.pid });
  });
});

test('a control plane that was stopped for long blames no release when it goes on', { timeout: 90_000 }, async () => {
  const id = await shop.deploy({ strategy: { bake: '4s' } });
  await shop.reaches(id, (now) => now.phase === 'baking');
  const visits = await site.visit(shop.host);
  const [controlPlane] = (await site.installation.parts()).controlPlane;
  if (!controlPlane) throw new Error('There is no control plane.');
  await kill(controlPlane, 'SIGSTOP');
  try {
    // Nothing to wait for: the point is that time goes by. 20 s are longer than any patience it has with its own parts (15 s).
    await delay(20_000);
  } finally {
    await kill(controlPlane, 'SIGCONT');
  }
  expect(await site.installation.ended(id, 30_000)).toMatchObject({ phase: 'succeeded' });
  expect(losses(await visits.stop())).toEqual(noLosses);
});

test('a second control plane on the same home is refused, and says who has it', async () => {
  const child = spawn(process.execPath, [daemonOf()], {
    env: {
      PATH: process.env['PATH'],
      SIGNALBOX_HOME: site.installation.home,
      SIGNALBOX_HTTP_PORT: '0',
      SIGNALBOX_API_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  expect(JSON.parse(said)).toMatchObject({ error: { code: 'HOME_IN_USE' } });
  expect(await site.installation.status()).toMatchObject({ dataPlane: { ready: true } });
  const again = await site.installation.cli('up', '--json');
  expect(again.exitCode).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ ...site.installation.addresses() });
});
