import { afterAll, beforeAll, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { ListBody, RolloutBody } from '../../src/api/contract.ts';
import { oneService } from '../e2e/kit/apps.ts';
import { losses, noLosses, openSite, type Site } from '../e2e/kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  for (const name of ['one', 'two']) {
    const app = await site.app(name);
    await app.commit({ fixture: 'healthy', settings: oneService(name, { env: { VERSION: '1' } }) });
    await site.installation.deploy(app.folder);
  }
});
afterAll(async () => expect(await site.stop()).toBe(0));

interface Who {
  readonly pid: number;
}
type Part = 'controlPlane' | 'keeper' | 'workers' | 'instances' | 'all';
const end = async (...parts: readonly Part[]): Promise<void> => {
  const seen = await site.installation.parts();
  for (const part of parts) {
    expect(seen[part].length).toBeGreaterThan(0);
    for (const one of seen[part]) await kill(one, 'SIGKILL');
  }
};
const serves = async (host: string, not?: number): Promise<Who> =>
  await waitFor(`${host} to serve`, 15_000, async () => {
    const answer = await site.ask(host).catch(() => undefined);
    if (answer?.status !== 200) return undefined;
    const who = JSON.parse(answer.body) as Who;
    return who.pid === not ? undefined : who;
  });
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};
const settled = async (): Promise<void> => {
  await waitFor('everything to be as declared', 15_000, async () => {
    const { environments, dataPlane } = await site.installation.status();
    return dataPlane.ready && environments.every((e) => e.drift.length === 0) ? true : undefined;
  });
};
const rollouts = async (): Promise<number> =>
  (await site.installation.api<ListBody<RolloutBody>>('GET', '/v1/apps/one/environments/production/rollouts')).items.length;

test('a killed proxy worker is back in a moment, with or without a control plane', async () => {
  expect(
    await timed(async () => {
      await end('workers');
      await serves('one.localhost');
    }),
  ).toBeLessThan(5000);
  await end('controlPlane');
  expect(
    await timed(async () => {
      await end('workers');
      await serves('one.localhost');
    }),
  ).toBeLessThan(5000);
  await site.installation.up();
  await settled();
});

test('a killed keeper drops nothing; what dies after it is started again', { timeout: 60_000 }, async () => {
  const visits = await site.visit('two.localhost');
  const before = await serves('one.localhost');
  await end('keeper');
  await settled();
  expect(await serves('one.localhost')).toEqual(before);
  process.kill(before.pid, 'SIGKILL');
  expect(await timed(async () => await serves('one.localhost', before.pid))).toBeLessThan(8000);
  expect(losses(await visits.stop())).toEqual(noLosses);
  await settled();
});

test('an instance that dies while keeper and control plane are gone is back after up', { timeout: 60_000 }, async () => {
  const before = await serves('one.localhost');
  await end('controlPlane', 'keeper');
  process.kill(before.pid, 'SIGKILL');
  await site.installation.up();
  await serves('one.localhost', before.pid);
  await settled();
});

test('control plane and proxy killed together: traffic is back without the control plane', { timeout: 60_000 }, async () => {
  await end('controlPlane', 'workers');
  await serves('one.localhost');
  await serves('two.localhost');
  const visits = await site.visit('two.localhost');
  await site.installation.up();
  await settled();
  expect(losses(await visits.stop())).toEqual(noLosses);
});

test('a reboot: up restores every live release without a rollout', { timeout: 60_000 }, async () => {
  const before = await rollouts();
  // Those who bring others back go first; what they started in their last moment goes with the rest.
  await end('controlPlane', 'keeper');
  await waitFor('the end of everything', 10_000, async () => {
    const { all } = await site.installation.parts();
    for (const one of all) await kill(one, 'SIGKILL');
    return all.length === 0 ? true : undefined;
  });
  await site.installation.up();
  await serves('one.localhost');
  await serves('two.localhost');
  await settled();
  expect(await rollouts()).toBe(before);
  expect(await site.environment('one')).toMatchObject({ release: 'v1', rollout: null });
});
