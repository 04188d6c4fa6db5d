import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { AcceptedBody, RolloutBody } from '../../src/api/contract.ts';
import { type App, oneService, quickHealth } from '../e2e/kit/apps.ts';
import { losses, noLosses, openSite, type Site } from '../e2e/kit/site.ts';
import { daemonOf } from './kit/programs.ts';

let site: Site;
let app: App;
let version = 1;
beforeAll(async () => {
  site = await openSite();
  app = await site.app('shop');
  await app.commit(next('healthy', {}));
  await site.installation.deploy(app.folder);
});
afterAll(async () => expect(await site.stop()).toBe(0));

const host = 'shop.localhost';
const journal = (): string => join(site.installation.home, 'persist/shop/production/journal/lines');

/** A release that takes its time in every phase. */
function next(fixture: string, env: Readonly<Record<string, string>>, bake = '2s') {
  return {
    fixture,
    settings: oneService(
      'shop',
      {
        run: 'sleep 1; exec node server.js',
        build: 'sleep 1',
        buildEnv: { VERSION: String(version) },
        release: { run: 'sleep 1; echo "$VERSION" >> journal/lines', when: 'always' },
        persist: ['journal'],
        env: { VERSION: String(version), ...env },
        health: { path: '/health', ...quickHealth, interval: '200ms' },
      },
      { strategy: { bake }, smoke: ['/'] },
    ),
  };
}

const start = async (fixture: string, env: Readonly<Record<string, string>> = {}, bake?: string): Promise<string> => {
  version += 1;
  await app.commit(next(fixture, env, bake));
  const { exitCode, stdout, stderr } = await site.installation.cli('deploy', app.folder, '--detach', '--json');
  expect(exitCode, stdout + stderr).toBe(0);
  return (JSON.parse(stdout) as AcceptedBody).rolloutId;
};
const rollout = async (id: string): Promise<RolloutBody> => await site.installation.api('GET', `/v1/rollouts/${id}`);
const reaches = async (id: string, is: (now: RolloutBody) => boolean): Promise<void> => {
  await waitFor(`the moment in ${id}`, 20_000, async () => {
    const now = await rollout(id);
    if (now.ended) throw new Error(`It ended before: ${JSON.stringify(now)}`);
    return is(now) ? true : undefined;
  });
};
const killControlPlane = async (): Promise<void> => {
  const { controlPlane } = await site.installation.parts();
  expect(controlPlane).toHaveLength(1);
  for (const seen of controlPlane) await kill(seen, 'SIGKILL');
};
const running = (name: string) => (now: RolloutBody) =>
  now.steps.some((step) => step.name.startsWith(name) && step.state === 'running');

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
      const visits = await site.visit(host);
      const id = await start('healthy');
      await reaches(id, is);
      await killControlPlane();
      await site.installation.up();
      const ended = await site.installation.ended(id, 30_000);
      expect(ended).toMatchObject({ phase: 'succeeded' });
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect(await site.json(host)).toMatchObject({ version: String(version) });
      // The release command has run once for every release, however often its rollout was interrupted.
      const ran = (await readFile(journal(), 'utf8')).trim().split('\n');
      expect(ran.filter((line) => line === String(version))).toHaveLength(1);
      await waitFor('one instance', 20_000, async () => {
        const { services, drift } = await site.environment('shop');
        return services.length === 1 && drift.length === 0 ? true : undefined;
      });
    });
  }

  test('while a release dies in its bake: it is undone as soon as there is a control plane again', {
    timeout: 60_000,
  }, async () => {
    const before = await site.json<{ version: string; pid: number }>(host);
    const id = await start('dead-in-bake', { LIFE_MS: '4500' }, '60s');
    await reaches(id, (now) => now.phase === 'baking');
    await killControlPlane();
    await waitFor('its death', 20_000, async () => ((await site.ask(host)).status === 200 ? undefined : true));
    await site.installation.up();
    expect(await site.installation.ended(id, 30_000)).toMatchObject({ phase: 'rolled-back' });
    expect(await site.json(host)).toEqual(before);
  });
});

test('a control plane that was stopped for long blames no release when it goes on', { timeout: 90_000 }, async () => {
  const id = await start('healthy', {}, '4s');
  await reaches(id, (now) => now.phase === 'baking');
  const visits = await site.visit(host);
  const [controlPlane] = (await site.installation.parts()).controlPlane;
  if (!controlPlane) throw new Error('There is no control plane.');
  await kill(controlPlane, 'SIGSTOP');
  try {
    // Nothing to wait for: the point is that time goes by.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
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
