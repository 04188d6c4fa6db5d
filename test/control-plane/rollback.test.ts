import { describe, expect, it } from 'vitest';
import { api, type Installation, install, mailer, type Source, web } from './plant-kit.ts';

async function releases(...sources: readonly Source[]): Promise<Installation> {
  const box = await install();
  for (const source of sources) await box.live(source);
  return box;
}

describe('a manual rollback', () => {
  it('within the bake is one route change: the old release is warm', async () => {
    const box = await releases({ services: [web(1), mailer(1)] });
    const second = await box.deploy({ services: [web(2), mailer(2)], bake: 60_000 });
    await box.reach(second.rolloutId, 'baking');
    await box.time.pass(5000);
    const warm = box.dataPlane.table()?.pools.find((pool) => pool.id === 'shop-production-web-1');
    expect(warm).toMatchObject({ endpoints: [{ healthy: true }] });
    const started = box.runtime.journal.length;
    const began = box.time.now;
    const back = await box.rollback();
    expect(back.release).toBe('shop/production/v1');
    await box.until(() => box.arms() === 'v1:10000');
    expect(box.time.now - began).toBeLessThan(300);
    expect(box.runtime.journal.slice(started).filter((line) => line.includes('web-1'))).toEqual([]);
    await box.ends(back.rolloutId, 'succeeded');
    expect(box.phase(second.rolloutId)).toBe('superseded');
    await box.calm();
    expect(box.runtime.running()).toEqual(['shop-production-mailer-1', 'shop-production-web-1']);
  });

  it('to a release that no longer runs starts it first, skips canary steps and never runs a release command', async () => {
    const command = { command: true, commandVersion: 1 };
    const box = await releases({ services: [web(1, command)], strategy: 'canary' }, { services: [web(2, command)] });
    box.runtime.programs.set('shop-production-web-1', { healthy: (age) => age > 3000 });
    const back = await box.rollback();
    await box.time.pass(2000);
    expect(box.arms()).toBe('v2:10000');
    await box.ends(back.rolloutId, 'succeeded');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
    expect(box.runtime.commandsStarted).toHaveLength(1);
  });

  it('never swings to and fro: a second one goes further back, and none left is a clear error', async () => {
    const box = await releases({}, {}, {});
    const once = await box.rollback();
    await box.ends(once.rolloutId, 'succeeded');
    expect(once.release).toBe('shop/production/v2');
    const twice = await box.rollback();
    expect(twice.release).toBe('shop/production/v1');
    await box.ends(twice.rolloutId, 'succeeded');
    await expect(box.rollback()).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
    const named = await box.rollback({ to: 3 });
    await box.ends(named.rolloutId, 'succeeded');
    expect(box.arms()).toBe('v3:10000');
  });

  it('passes over releases that are the same as the one that is left', async () => {
    const box = await releases({ services: [web(1)] }, { services: [web(2)] }, { services: [web(2)] });
    expect((await box.rollback()).release).toBe('shop/production/v1');
  });

  it('to the release that serves is refused', async () => {
    const box = await releases({}, {});
    await expect(box.rollback({ to: 2 })).rejects.toMatchObject({ code: 'SAME_RELEASE' });
  });

  it('without a kept release or build is refused', async () => {
    const box = await install();
    await expect(box.rollback()).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
    await box.live();
    await expect(box.rollback()).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
    await expect(box.rollback({ to: 7 })).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
    await box.live();
    box.workshop.artifacts.clear();
    await expect(box.rollback()).rejects.toMatchObject({ code: 'NO_KEPT_RELEASE' });
  });

  it.each([
    { name: 'of the same service', old: web(1, { command: true }) },
    { name: 'that the old release does not know', old: web(1) },
  ])('across changed migrations $name needs --force', async ({ old }) => {
    const box = await releases({ services: [old] }, { services: [web(2, { command: true })] });
    await expect(box.rollback()).rejects.toMatchObject({ code: 'MIGRATIONS_CHANGED' });
    const forced = await box.rollback({ force: true });
    await box.ends(forced.rolloutId, 'succeeded');
    expect(box.arms()).toBe('v1:10000');
    expect(box.runtime.commandsStarted.length).toBeLessThanOrEqual(2);
  });

  it('an automatic one goes back across changed migrations without a person', async () => {
    const box = await releases({ services: [web(1, { command: true })] });
    const { rolloutId } = await box.deploy({ services: [web(2, { command: true })] });
    await box.reach(rolloutId, 'baking');
    box.runtime.crash('shop-production-web-2');
    await box.ends(rolloutId, 'rolled-back');
    await box.calm();
  });

  it('that goes wrong is held with the reason instead of swinging back; a person undoes it', async () => {
    const box = await releases({}, {});
    const back = await box.rollback();
    await box.reach(back.rolloutId, 'baking');
    await box.time.pass(1000);
    box.runtime.crash('shop-production-web-1');
    await box.until(() => box.phase(back.rolloutId) === 'held');
    expect(box.rollout(back.rolloutId).reason?.code).toBe('INSTANCE_CRASHED');
    expect(box.arms()).toBe('v1:10000');
    await box.steer('abort', back.rolloutId);
    await box.ends(back.rolloutId, 'rolled-back');
    await box.calm();
    expect(box.arms()).toBe('v2:10000');
  });

  it('during a bake that then fails by itself ends at the same release', async () => {
    const box = await releases({ services: [web(1), api(1), mailer(1)] });
    const second = await box.deploy({ services: [web(2), api(1), mailer(2)], bake: 60_000 });
    await box.reach(second.rolloutId, 'baking');
    const back = await box.rollback();
    box.runtime.crash('shop-production-web-2');
    await box.ends(back.rolloutId, 'succeeded');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });
});
