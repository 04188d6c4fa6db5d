import { describe, expect, it } from 'vitest';
import { api, install, mailer, type Source, web } from './plant-kit.ts';

const first: Source = { services: [web(1), api(1), mailer(1)] };
const old: Source = { services: [web(2, { command: true }), api(2), mailer(2)], smoke: true, strategy: 'canary' };
const newer: Source = { services: [web(3), api(2), mailer(2)] };

describe('a newer deploy', () => {
  for (const phase of ['preparing', 'starting', 'verifying', 'shifting', 'baking', 'rolling-back'] as const) {
    it(`takes the place of one that is ${phase}, and nothing is stranded`, async () => {
      const box = await install();
      await box.live(first);
      const before = await box.deploy(old);
      if (phase === 'rolling-back') {
        await box.reach(before.rolloutId, 'shifting');
        box.dataPlane.brokenUntil = box.time.now + 3000;
        await box.steer('abort', before.rolloutId);
      }
      if (phase === 'baking') {
        await box.until(() => box.rollout(before.rolloutId).stepServed);
        await box.steer('promote', before.rolloutId);
      }
      await box.reach(before.rolloutId, phase);
      const after = await box.deploy(newer);
      await box.ends(after.rolloutId, 'succeeded');
      await box.calm();
      expect(box.phase(before.rolloutId)).toMatch(/superseded|rolled-back/);
      expect(box.arms()).toBe('v3:10000');
      expect(box.runtime.running()).toEqual(['shop-production-api-2', 'shop-production-mailer-2', 'shop-production-web-3']);
      expect(box.active()).toEqual([]);
    });
  }

  it('takes the place of one that is held', async () => {
    const box = await install();
    await box.live(first);
    const before = await box.deploy(old);
    await box.until(() => box.rollout(before.rolloutId).stepServed);
    await box.steer('pause', before.rolloutId);
    const after = await box.deploy(newer);
    await box.ends(after.rolloutId, 'succeeded');
    await box.calm();
    expect(box.phase(before.rolloutId)).toBe('superseded');
  });

  it('of several that wait only the newest is carried out', async () => {
    const box = await install();
    await box.live();
    box.runtime.commands.set('shop-production-web-2', { takes: 5000 });
    const running = await box.deploy({ services: [web(2, { command: true })] });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    const waiting = [await box.deploy(), await box.deploy(), await box.deploy()];
    await box.ends(waiting[2]?.rolloutId ?? '', 'succeeded');
    expect([running, ...waiting].map((w) => box.phase(w.rolloutId))).toEqual([
      'superseded',
      'superseded',
      'superseded',
      'succeeded',
    ]);
    expect(box.runtime.journal.filter((line) => /web-[34]/.test(line))).toEqual([]);
    await box.calm();
  });

  it('during a bake keeps the last proven release as the way back', async () => {
    const box = await install();
    await box.live();
    const second = await box.deploy({ bake: 60_000 });
    await box.reach(second.rolloutId, 'baking');
    const third = await box.deploy({ bake: 60_000 });
    await box.reach(third.rolloutId, 'baking');
    expect(box.phase(second.rolloutId)).toBe('superseded');
    await box.time.pass(3000);
    expect(box.runtime.running()).toEqual(['shop-production-web-1', 'shop-production-web-2', 'shop-production-web-3']);
    box.runtime.crash('shop-production-web-3');
    await box.ends(third.rolloutId, 'rolled-back');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('that is about to take the place of a bake waits for its undoing when that fails at this very moment', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    const second = await box.deploy({ services: [web(2)], bake: 60_000 });
    await box.reach(second.rolloutId, 'baking');
    box.dataPlane.acknowledging = 500;
    const third = await box.deploy({ services: [web(3)], strategy: 'canary' });
    let crashed = false;
    box.life.interfere = ({ name }) => {
      if (crashed || name !== 'prober.health' || box.phase(third.rolloutId) !== 'verifying') return;
      crashed = true;
      box.runtime.crash('shop-production-web-2');
    };
    await box.until(() => box.rollout(third.rolloutId).stepServed);
    expect(crashed).toBe(true);
    expect(box.phase(second.rolloutId)).toBe('rolled-back');
    expect(box.rollout(third.rolloutId).from).toBe('shop/production/v1');
    box.sound();
  });

  it('that is about to take the place of a bake waits too when the very last counts fail it', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    const second = await box.deploy({ services: [web(2)], bake: 60_000 });
    await box.reach(second.rolloutId, 'baking');
    const third = await box.deploy({ services: [web(3)], strategy: 'canary' });
    let failed = false;
    box.life.interfere = ({ name, when }) => {
      if (failed || name !== 'prober.health' || when !== 'after' || box.phase(third.rolloutId) !== 'verifying') return;
      failed = true;
      // While the first counts are being written come those that nobody has looked at when the signal clears.
      box.dataPlane.answer('shop/production/v2', 200, 1);
      box.dataPlane.answer('shop/production/v2', 40, 40);
    };
    await box.until(() => box.rollout(third.rolloutId).stepServed);
    expect(failed).toBe(true);
    expect(box.rollout(second.rolloutId)).toMatchObject({ phase: 'rolled-back', reason: { code: 'BAKE_FAILED' } });
    expect(box.rollout(third.rolloutId).from).toBe('shop/production/v1');
    expect(box.arms()).toBe('v1:9000 v3:1000');
    box.sound();
  });

  it('that fails while it takes over leaves the one it superseded undone, at the proven release', async () => {
    const box = await install();
    await box.live(first);
    const before = await box.deploy({ ...old, strategy: 'blue-green' });
    await box.reach(before.rolloutId, 'baking');
    box.runtime.programs.set('shop-production-web-3', { crashesAfter: 900 });
    const after = await box.deploy({ ...newer, strategy: 'canary' });
    await box.ended(after.rolloutId);
    await box.until(() => box.active().length === 0);
    await box.calm();
  });

  it('shares workloads with one that gives way in the middle of its switch: they go on or are started again', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const before = await box.deploy({ services: [web(2), api(2)] });
    await box.reach(before.rolloutId, 'shifting');
    const after = await box.deploy({ services: [web(3), api(2)] });
    await box.ends(after.rolloutId, 'succeeded');
    await box.calm();
  });
});
