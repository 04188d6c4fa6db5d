import { describe, expect, it } from 'vitest';
import type { ReleaseId, WorkloadId } from '../../src/domain/values.ts';
import { api, type Installation, install, web } from './plant-kit.ts';

const single = { single: true } as const;
const first = 'shop-production-api-1';
const second = 'shop-production-api-2';
const plenty = 120_000;

/** Looks in every moment until `done`: never may both run. */
async function neverBoth(box: Installation, done: () => boolean, limit = plenty): Promise<void> {
  for (let passed = 0; !done(); passed += 50) {
    expect(box.runtime.count(first) > 0 && box.runtime.count(second) > 0, 'both run').toBe(false);
    if (passed > limit) throw new Error(`In vain: ${box.runtime.running().join(', ')}`);
    await box.time.pass(50);
  }
}
const pool = (box: Installation, id: string) => box.dataPlane.table()?.pools.find((each) => each.id === (id as WorkloadId));

describe('a service that may not run twice', () => {
  it('is exchanged at the switch, the old one first; its requests wait until the new one is healthy', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    const { rolloutId } = await box.deploy({ services: [web(2), api(2, single)] });
    let held = false;
    await neverBoth(box, () => {
      const at = pool(box, second);
      if (box.phase(rolloutId) === 'baking' && at?.kind === 'instances' && at.endpoints.length === 0) {
        held = true;
        expect(at.whenEmpty).toBe('hold');
      }
      return box.phase(rolloutId) === 'succeeded';
    });
    expect(held, 'its pool was empty for a while').toBe(true);
    await box.calm();
    expect(box.runtime.running()).toEqual([second, 'shop-production-web-2']);
  });

  it('that does not become healthy is undone long before the end of the bake, and the old one serves again', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    box.runtime.programs.set(second, { healthy: () => false });
    const { rolloutId } = await box.deploy({ services: [web(1), api(2, single)], bake: 3_600_000 });
    await neverBoth(box, () => box.phase(rolloutId) === 'rolled-back', 300_000);
    await neverBoth(box, () => box.runtime.count(first) === 1);
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
    expect(box.runtime.running()).toEqual([first, 'shop-production-web-1']);
  });

  it('goes back the same way when its release fails in the bake', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    const { rolloutId } = await box.deploy({ services: [web(2), api(2, single)], bake: 60_000 });
    await neverBoth(box, () => box.phase(rolloutId) === 'baking' && box.runtime.count(second) === 1);
    await box.time.pass(5000);
    const release = 'shop/production/v2' as ReleaseId;
    for (let i = 0; i < 5; i += 1) {
      box.dataPlane.answer(release, 40, 20);
      await box.time.pass(300);
    }
    await neverBoth(box, () => box.phase(rolloutId) === 'rolled-back');
    await neverBoth(box, () => box.runtime.count(first) === 1);
    await box.calm();
  });

  it('is never two over a death of the control plane in the middle of its exchange', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    const { rolloutId } = await box.deploy({ services: [web(2), api(2, single)] });
    await box.reach(rolloutId, 'baking');
    box.kill();
    await box.boot();
    await neverBoth(box, () => box.phase(rolloutId) === 'succeeded');
    await box.calm();
  });

  it('gets its first request when it is healthy, not when it listens', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    let well = false;
    box.runtime.programs.set(second, { healthy: () => well });
    const { rolloutId } = await box.deploy({ services: [web(1), api(2, single)] });
    await neverBoth(box, () => box.runtime.count(second) === 1);
    await box.time.pass(5000);
    expect(pool(box, second)).toMatchObject({ whenEmpty: 'hold', endpoints: [] });
    well = true;
    await box.ends(rolloutId, 'succeeded');
    expect(pool(box, second)).toMatchObject({ endpoints: [{}] });
  });

  it('that did not change is left alone', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1, single)] });
    const before = box.runtime.journal.length;
    const { rolloutId } = await box.deploy({ services: [web(2), api(1, single)] });
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
    expect(box.runtime.journal.slice(before).filter((line) => line.includes('-api-'))).toEqual([]);
  });
});
