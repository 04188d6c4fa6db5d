import { describe, expect, it } from 'vitest';
import { install, web } from './plant-kit.ts';

describe('a held rollout', () => {
  it('runs no release command: paused while it builds, it migrates only when a person resumes it', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy({ services: [web(2, { command: true })] });
    await box.reach(rolloutId, 'preparing');
    await box.steer('pause', rolloutId);
    await box.time.pass(60_000);
    expect(box.runtime.commandsStarted).toEqual([]);
    expect(box.workshop.built).toHaveLength(2);
    await box.restart();
    await box.time.pass(5000);
    expect(box.runtime.commandsStarted).toEqual([]);
    await box.steer('resume', rolloutId);
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.commandsStarted).toHaveLength(1);
    await box.calm();
  });

  it('writes nothing while nothing happens', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy({ bake: 60_000 });
    await box.reach(rolloutId, 'baking');
    box.dataPlane.answer('shop/production/v2', 5);
    await box.time.pass(2000);
    await box.steer('pause', rolloutId);
    await box.time.pass(5000);
    let commits = 0;
    box.life.interfere = ({ name, when }) => {
      if (name === 'store.commit' && when === 'before') commits += 1;
    };
    await box.time.pass(60_000);
    expect(commits).toBe(0);
    await box.steer('resume', rolloutId);
    await box.ends(rolloutId, 'succeeded');
  });

  it('whose undoing was stuck ends with the reason for which it was undone, and its last log lines', async () => {
    const box = await install();
    await box.live();
    box.runtime.programs.set('shop-production-web-2', { log: ['out of memory'] });
    const { rolloutId } = await box.deploy({ bake: 60_000 });
    await box.reach(rolloutId, 'baking');
    box.dataPlane.brokenUntil = box.time.now + 200_000;
    box.runtime.crash('shop-production-web-2');
    await box.until(() => box.phase(rolloutId) === 'held', 80_000);
    await box.steer('resume', rolloutId);
    await box.until(() => box.phase(rolloutId) === 'rolling-back');
    await box.until(() => box.phase(rolloutId) === 'held', 80_000);
    const stuck = box.rollout(rolloutId).reason;
    expect(stuck?.code).toBe('ROLLBACK_STUCK');
    expect(stuck?.message.match(/not served/g)).toHaveLength(1);
    const { reason } = await box.ends(rolloutId, 'rolled-back', 150_000);
    expect(reason).toMatchObject({ code: 'INSTANCE_CRASHED', log: ['out of memory'] });
  });

  it('rollback that no worker acknowledged gets as long again when it is resumed', async () => {
    const box = await install();
    await box.live();
    await box.live();
    box.dataPlane.brokenUntil = box.time.now + 50_000;
    const { rolloutId } = await box.rollback();
    await box.until(() => box.phase(rolloutId) === 'held', 60_000);
    await box.steer('resume', rolloutId);
    await box.time.pass(5000);
    expect(box.phase(rolloutId)).toBe('shifting');
    await box.ends(rolloutId, 'succeeded');
    expect(box.arms()).toBe('v1:10000');
  });
});
