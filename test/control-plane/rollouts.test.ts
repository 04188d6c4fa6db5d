import { describe, expect, it } from 'vitest';
import { api, install, mailer, web } from './plant-kit.ts';

describe('a deploy', () => {
  it('the first release goes live once it is healthy, and is proven by its bake', async () => {
    const box = await install();
    const { rolloutId } = await box.deploy({ smoke: true });
    await box.reach(rolloutId, 'baking');
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

  it('a worker is exchanged at the switch: the old one stops, then the new one starts', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1), mailer(1)] });
    const { rolloutId } = await box.deploy({ services: [web(2), api(1), mailer(2)] });
    await box.reach(rolloutId, 'baking');
    await box.until(() => box.runtime.count('shop-production-mailer-2') === 1, 5000);
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
  });
});
