import { describe, expect, it } from 'vitest';
import { api, install, mailer, web } from './plant-kit.ts';

describe('a deploy', () => {
  it('goes live as the first release once it is healthy and its smoke list passed, and is proven by its bake', async () => {
    const box = await install();
    const { rolloutId } = await box.deploy({ smoke: true });
    await box.reach(rolloutId, 'baking');
    expect(box.arms()).toBe('v1:10000');
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
    expect(box.home.tables.environments.get('shop/production')?.proven).toBe('shop/production/v1');
  });

  it('nothing is reported live before every worker serves it', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy();
    await box.reach(rolloutId, 'shifting');
    box.dataPlane.brokenUntil = box.time.now + 5000;
    await box.time.pass(4000);
    expect(box.phase(rolloutId)).toBe('shifting');
    expect(box.arms()).toBe('v1:10000');
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
  });

  it('a second release takes all traffic at once, and the first runs warm until the bake is over', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy();
    await box.reach(rolloutId, 'baking');
    await box.time.pass(5000);
    expect(box.arms()).toBe('v2:10000');
    expect(box.runtime.running()).toEqual(['shop-production-web-1', 'shop-production-web-2']);
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
    expect(box.runtime.running()).toEqual(['shop-production-web-2']);
  });

  it('with warm: false the old release stops in the bake, after the switch and its drain', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy({ warm: false });
    await box.reach(rolloutId, 'baking');
    await box.until(() => box.runtime.running().join() === 'shop-production-web-2', 5000);
    expect(box.phase(rolloutId)).toBe('baking');
    await box.ends(rolloutId, 'succeeded');
  });

  it('services that did not change are never started, stopped or scaled', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1), mailer(1)] });
    const before = box.runtime.journal.length;
    const { rolloutId } = await box.deploy({ services: [web(2), api(1), mailer(1)] });
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
    const touched = box.runtime.journal.slice(before);
    expect(touched).toEqual(['ensure shop-production-web-2 x1', 'stop shop-production-web-1']);
  });

  it('all services of a release switch together', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    box.runtime.programs.set('shop-production-api-2', { healthy: (age) => age > 8000 });
    const { rolloutId } = await box.deploy({ services: [web(2), api(2)] });
    await box.time.pass(7000);
    expect(box.arms()).toBe('v1:10000');
    await box.ends(rolloutId, 'succeeded');
    for (const table of box.dataPlane.tables) {
      for (const split of table.splits) {
        expect(split.arms.filter((a) => a.weight > 0).length).toBeLessThanOrEqual(1);
        const live = split.arms.find((a) => a.weight > 0)?.release;
        const pools = live ? split.routes.map((r) => r.pools[live]?.at(-1)) : [];
        expect(new Set(pools).size).toBeLessThanOrEqual(1);
      }
    }
  });

  it('a rolling release grows instance by instance, and no step is taken before the new ones are healthy', async () => {
    const box = await install();
    await box.live({ services: [web(1, { replicas: 3 })] });
    box.runtime.programs.set('shop-production-web-2', { healthy: (age) => age > 1500 });
    const { rolloutId } = await box.deploy({ strategy: 'rolling', services: [web(2, { replicas: 3 })] });
    const seen: string[] = [];
    await box.until(() => {
      const healthy = [...box.runtime.instances.values()].filter(
        (i) => i.seen.workload === 'shop-production-web-2' && box.runtime.healthOf(i) === true,
      );
      const now = `${box.arms()} on ${healthy.length}`;
      if (seen.at(-1)?.split(' on ')[0] !== box.arms()) seen.push(now);
      return box.phase(rolloutId) === 'succeeded';
    });
    expect(seen).toEqual(['v1:10000 on 0', 'v1:6667 v2:3333 on 1', 'v1:3333 v2:6667 on 2', 'v2:10000 on 3']);
    await box.calm();
  });
});

describe('a rolling release of several services', () => {
  it('takes a step only when the new instances of all of them are healthy', async () => {
    const box = await install();
    const both = (version: number) => [web(version, { replicas: 2 }), api(version, { replicas: 2 })];
    await box.live({ services: both(1) });
    box.runtime.programs.set('shop-production-api-2', { healthy: (age) => age > 4000 });
    const { rolloutId } = await box.deploy({ strategy: 'rolling', services: both(2) });
    await box.until(() => box.arms() === 'v2:10000');
    const well = [...box.runtime.instances.values()].filter(
      (i) => i.workload.id.endsWith('api-2') && box.runtime.healthOf(i) === true,
    );
    expect(well).toHaveLength(2);
    await box.ends(rolloutId, 'succeeded');
  });
});

describe('workers', () => {
  it('at the switch the old one stops, then the new one starts; in the bake the old one is kept stopped', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1), mailer(1)] });
    const { rolloutId } = await box.deploy({ services: [web(2), api(1), mailer(2)] });
    await box.reach(rolloutId, 'baking');
    expect(box.runtime.count('shop-production-mailer-2')).toBe(0);
    await box.until(() => box.runtime.count('shop-production-mailer-2') === 1, 5000);
    expect(box.runtime.count('shop-production-mailer-1')).toBe(0);
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
  });

  it('a rollback in the bake gives the work back to the old one', async () => {
    const box = await install();
    await box.live({ services: [web(1), mailer(1)] });
    const { rolloutId } = await box.deploy({ services: [web(2), mailer(2)] });
    await box.reach(rolloutId, 'baking');
    await box.until(() => box.runtime.count('shop-production-mailer-2') === 1, 5000);
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false });
    await box.ends(rolloutId, 'rolled-back');
    await box.calm();
    expect(box.runtime.running()).toEqual(['shop-production-mailer-1', 'shop-production-web-1']);
  });

  it('with overlap: true the new one starts first', async () => {
    const box = await install();
    await box.live({ services: [web(1), mailer(1, { overlap: true })] });
    box.runtime.journal.length = 0;
    const { rolloutId } = await box.deploy({ services: [web(2), mailer(2, { overlap: true })] });
    await box.ended(rolloutId);
    const started = box.runtime.journal.indexOf('ensure shop-production-mailer-2 x1');
    expect(started).toBeGreaterThanOrEqual(0);
    expect(box.runtime.journal.indexOf('stop shop-production-mailer-1')).toBeGreaterThan(started);
    expect(box.phase(rolloutId)).toBe('succeeded');
  });

  it('a worker that a newer release shares with the baking one is not run beside the proven one', async () => {
    const box = await install();
    await box.live({ services: [web(1), mailer(1)] });
    const second = await box.deploy({ services: [web(2), mailer(2)] });
    await box.reach(second.rolloutId, 'baking');
    await box.until(() => box.runtime.count('shop-production-mailer-2') === 1, 5000);
    const third = await box.deploy({ services: [web(3), mailer(2)] });
    await box.ends(third.rolloutId, 'succeeded');
    await box.calm();
  });

  it('a worker that does not stay up is undone in the bake', async () => {
    const box = await install();
    await box.live({ services: [web(1), mailer(1)] });
    box.runtime.programs.set('shop-production-mailer-2', { crashesAfter: 300 });
    const { rolloutId } = await box.deploy({ services: [web(2), mailer(2)] });
    await box.ends(rolloutId, 'rolled-back');
    await box.calm();
  });
});
