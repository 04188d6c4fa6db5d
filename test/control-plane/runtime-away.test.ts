import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import type { ReleaseId } from '../../src/domain/values.ts';
import { type Installation, install, web } from './plant-kit.ts';

const first = 'shop-production-web-1';
const second = 'shop-production-web-2';
const release = 'shop/production/v2' as ReleaseId;

/** A release that bakes, and an engine that ends now, takes all instances along, and is back after `ms`; they take `bootMs` more. */
async function outage(ms: number, { bake = 60_000, bootMs = 1000 } = {}): Promise<{ box: Installation; id: string }> {
  const box = await install();
  await box.live();
  const { rolloutId: id } = await box.deploy({ bake });
  await box.reach(id, 'baking');
  await box.time.pass(3000);
  const until = box.time.now + ms;
  const up = (): boolean => box.time.now >= until + bootMs;
  for (const workload of [first, second]) box.runtime.programs.set(workload, { healthy: up });
  box.runtime.awayUntil = until;
  // Every request fails until the instances are back.
  for (let at = 100; at < ms + bootMs; at += 400) box.time.after(at, () => box.dataPlane.answer(release, 10, 10));
  return { box, id };
}

describe('an engine that ends in a bake and takes its containers along', () => {
  it('is no fault of the release: the watch goes on when they are back', async () => {
    const { box, id } = await outage(10_000);
    await box.time.pass(20_000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'succeeded');
    await box.calm();
  });

  it('stops the clock of the watch meanwhile', async () => {
    const { box, id } = await outage(30_000, { bake: 10_000 });
    await box.time.pass(29_000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'succeeded');
  });

  it('hides nothing: errors after everything is back are held against the release', async () => {
    const { box, id } = await outage(10_000);
    await box.time.pass(15_000);
    for (let i = 0; i < 5; i += 1) {
      box.dataPlane.answer(release, 40, 20);
      await box.time.pass(300);
    }
    expect((await box.ends(id, 'rolled-back')).reason?.code).toBe('BAKE_FAILED');
  });

  it('does not wait for ever: a release that does not come back is undone', async () => {
    const { box, id } = await outage(5000, { bootMs: 1_000_000, bake: 600_000 });
    box.runtime.programs.set(first, {});
    await box.time.pass(50_000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'rolled-back');
  });

  it('gives a release that is being started the time that the outage takes', async () => {
    const box = await install();
    await box.live();
    const until = box.time.now + 100_000;
    box.runtime.programs.set(second, { healthy: () => box.time.now > until + 1000 });
    const { rolloutId: id } = await box.deploy({ services: [web(2)] });
    await box.reach(id, 'starting');
    box.runtime.awayUntil = until;
    await box.ends(id, 'succeeded');
  });
});

describe('an instance that somebody takes away in a bake', () => {
  it('is no fault of the release, nor are the requests that fail until another is there', async () => {
    const box = await install();
    await box.live();
    const { rolloutId: id } = await box.deploy({ bake: 20_000 });
    await box.reach(id, 'baking');
    await box.time.pass(3000);
    box.runtime.takeAway(second);
    // Some of them are counted when it is back already.
    for (let at = 50; at < 2500; at += 100) box.time.after(at, () => box.dataPlane.answer(release, 10, 10));
    await box.time.pass(5000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'succeeded');
    await box.calm();
    const told = await openMemoryStore(box.home).events({ limit: 100 });
    expect(told.filter(({ type }) => type === 'instance.removed')).toMatchObject([{ body: { service: 'web' } }]);
  });

  it('hides nothing: what crashes once it is back has crashed', async () => {
    const box = await install();
    await box.live();
    const { rolloutId: id } = await box.deploy({ bake: 60_000 });
    await box.reach(id, 'baking');
    await box.time.pass(3000);
    box.runtime.takeAway(second);
    await box.time.pass(10_000);
    box.runtime.crash(second);
    expect((await box.ends(id, 'rolled-back')).reason?.code).toBe('INSTANCE_CRASHED');
  });
});
