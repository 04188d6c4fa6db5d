import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AcceptedBody } from '../../src/api/contract.ts';
import { losses, noLosses } from '../e2e/kit/site.ts';
import { type NextVersion, openShop, running, type Shop, type Who } from './kit/shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop(0.3);
});
afterAll(async () => expect(await shop.site.stop()).toBe(0));

const production = '/v1/apps/shop/environments/production';
const steer = async (verb: string): Promise<unknown> => await shop.site.installation.api('POST', `${production}/rollout/${verb}`);
const who = async (): Promise<Who> => await shop.site.json<Who>(shop.host);
/** The one way back: kill -9, then `up`, then the end of the rollout. */
const interrupt = async (): Promise<void> => {
  await shop.killControlPlane();
  await shop.site.installation.up();
};
const endOf = async (id: string): Promise<string> => (await shop.site.installation.ended(id, 45_000)).phase;
const slowSmoke = { smoke: ['/slow?ms=1500'] };
/** Long enough to be interrupted, short enough that a clean gate passes. */
const canary: NextVersion = { strategy: { type: 'canary', steps: ['25%', '50%'], bake: '1s' } };
const shares = (percent: number) => (now: { weights: readonly { percent: number }[] }) =>
  now.weights.length === 2 && now.weights.some((weight) => weight.percent === percent);

describe('kill -9 of the control plane while traffic moves drops no request, and the rollout ends as it would have', () => {
  const moments: Readonly<Record<string, { version: NextVersion; is: Parameters<Shop['reaches']>[1] }>> = {
    'while the candidate is checked': { version: slowSmoke, is: running('check the new release') },
    'while the route is checked after the switch': { version: slowSmoke, is: running('check the route') },
    'between two steps of a canary': { version: canary, is: shares(25) },
  };
  for (const [moment, { version, is }] of Object.entries(moments)) {
    test(moment, { timeout: 90_000 }, async () => {
      const visits = await shop.site.visit(shop.host);
      const id = await shop.deploy(version);
      await shop.reaches(id, is);
      await interrupt();
      expect(await endOf(id)).toBe('succeeded');
      const after = await shop.settled();
      expect(after.version).toBe(shop.version());
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect(await shop.commandRuns(shop.version())).toBe(1);
    });
  }

  test('while the old release drains with a request in flight', { timeout: 90_000 }, async () => {
    const before = await who();
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ strategy: { bake: '500ms' } });
    await shop.reaches(id, (now) => now.phase === 'starting');
    const slow = shop.site.json<Who>(shop.host, '/slow?ms=4000');
    await shop.reaches(id, (now) => now.phase === 'succeeded');
    await interrupt();
    expect(await slow).toMatchObject({ pid: before.pid });
    expect((await shop.settled()).version).toBe(shop.version());
    expect(losses(await visits.stop())).toEqual(noLosses);
  });

  test('just after a canary was promoted by hand', { timeout: 90_000 }, async () => {
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ strategy: { type: 'canary', steps: ['1%'], bake: '1s' } });
    await shop.reaches(id, shares(1));
    await steer('promote');
    await interrupt();
    expect(await endOf(id)).toBe('succeeded');
    expect((await shop.settled()).version).toBe(shop.version());
    expect(losses(await visits.stop())).toEqual(noLosses);
  });

  test('while a rollout is held by hand: it stays held, and goes on when it is told to', { timeout: 90_000 }, async () => {
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ strategy: { type: 'canary', steps: ['1%'], bake: '1s' } });
    await shop.reaches(id, shares(1));
    await steer('pause');
    await interrupt();
    expect(await shop.rollout(id)).toMatchObject({ phase: 'held', reason: { code: 'PAUSED' } });
    await steer('promote');
    expect(await endOf(id)).toBe('succeeded');
    expect((await shop.settled()).version).toBe(shop.version());
    expect(losses(await visits.stop())).toEqual(noLosses);
  });
});

describe('kill -9 of the control plane while it goes back drops no request, and the old release has all traffic again', () => {
  /** The old release is not kept: it has to be started before traffic can go back. */
  const cold = { bake: '5m', warm: false };

  test('rolling back by hand, at once after it was asked for', { timeout: 90_000 }, async () => {
    const before = await who();
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ strategy: { bake: '5m' } });
    await shop.reaches(id, (now) => now.phase === 'baking');
    const { rolloutId } = await shop.site.installation.api<AcceptedBody>('POST', `${production}/rollbacks`, { force: true });
    await interrupt();
    expect(await endOf(rolloutId)).toBe('succeeded');
    expect((await shop.settled()).version).toBe(before.version);
    expect(losses(await visits.stop())).toEqual(noLosses);
  });

  test('aborted in the bake, while the old release is started again', { timeout: 90_000 }, async () => {
    const before = await who();
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ strategy: cold });
    await shop.reaches(id, (now) => now.phase === 'baking');
    await shop.site.untilOnly([(await who()).pid]);
    await steer('abort');
    await shop.reaches(id, (now) => now.phase === 'rolling-back');
    await interrupt();
    expect(await endOf(id)).toBe('rolled-back');
    expect((await shop.settled()).version).toBe(before.version);
    expect(losses(await visits.stop())).toEqual(noLosses);
  });

  test('rolling back by itself, while the old release is started again', { timeout: 90_000 }, async () => {
    const before = await who();
    const visits = await shop.site.visit(shop.host);
    const id = await shop.deploy({ fixture: 'errors-after-switch', env: { AFTER_REQUESTS: '150' }, strategy: cold });
    await shop.reaches(id, (now) => now.phase === 'rolling-back');
    await interrupt();
    expect(await endOf(id)).toBe('rolled-back');
    expect((await shop.settled()).version).toBe(before.version);
    // The release answers 500 by itself as long as it serves; nothing else was lost.
    const report = await visits.stop();
    expect(report.firstDrops.filter((drop) => !drop.detail.startsWith('500'))).toEqual([]);
    expect(report.clientFaults).toBe(0);
  });
});
