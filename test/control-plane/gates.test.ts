import { describe, expect, it } from 'vitest';
import { type Installation, install, type Source, web } from './plant-kit.ts';

/** v1 is live and has answered; v2 serves its first 10 %. */
async function canary(source: Source = {}): Promise<{ box: Installation; id: string }> {
  const box = await install();
  await box.live();
  box.dataPlane.answer('shop/production/v1', 1000, 0);
  const { rolloutId: id } = await box.deploy({ strategy: 'canary', ...source });
  await box.until(() => box.rollout(id).stepServed);
  expect(box.arms()).toBe('v1:9000 v2:1000');
  return { box, id };
}

const first = 'shop/production/v1';
const second = 'shop/production/v2';

describe('a canary', () => {
  it('goes on when enough clean requests were answered, and no sooner', async () => {
    const { box, id } = await canary();
    box.dataPlane.answer(second, 5);
    await box.time.pass(5000);
    expect(box.arms()).toBe('v1:9000 v2:1000');
    box.dataPlane.answer(second, 30);
    await box.until(() => box.arms() === 'v1:5000 v2:5000', 5000);
    await box.until(() => box.rollout(id).stepServed);
    box.dataPlane.answer(second, 40);
    await box.ends(id, 'succeeded');
    await box.calm();
  });

  it('that fails its gate is undone without a person, and leaves stable as it was', async () => {
    const { box, id } = await canary();
    box.dataPlane.answer(second, 4, 4);
    const { reason } = await box.ends(id, 'rolled-back', 10_000);
    expect(reason?.code).toBe('GATE_FAILED');
    expect(box.arms()).toBe('v1:10000');
    await box.calm();
  });

  it('that crashes fails at once, no traffic needed', async () => {
    const { box, id } = await canary();
    box.runtime.crash('shop-production-web-2');
    const { reason } = await box.ends(id, 'rolled-back', 10_000);
    expect(reason?.code).toBe('INSTANCE_CRASHED');
    await box.calm();
  });

  it('is not blamed while stable fails too', async () => {
    const { box, id } = await canary();
    for (let i = 0; i < 10; i++) {
      box.dataPlane.answer(first, 20, 20);
      box.dataPlane.answer(second, 3, 3);
      await box.time.pass(1000);
    }
    expect(box.phase(id)).toBe('shifting');
    expect(box.arms()).toBe('v1:9000 v2:1000');
  });

  it('without enough traffic is held on time-out, with how much was missing, and goes on when it has come', async () => {
    const { box, id } = await canary({ stepTimeout: 60_000 });
    box.dataPlane.answer(second, 5);
    await box.until(() => box.phase(id) === 'held', 70_000);
    expect(box.rollout(id).reason).toMatchObject({ code: 'GATE_TIMEOUT' });
    expect(box.rollout(id).reason?.message).toMatch(/\d+ more clean requests/);
    await box.time.pass(200_000);
    expect(box.phase(id)).toBe('held');
    await box.steer('resume', id);
    box.dataPlane.answer(second, 40);
    await box.until(() => box.rollout(id).step === 1 && box.rollout(id).stepServed, 5000);
    await box.steer('promote', id);
    await box.ends(id, 'succeeded');
  });

  it('whose verdict came while it was paused goes on at the resume, without another request', async () => {
    const { box, id } = await canary();
    await box.steer('pause', id);
    box.dataPlane.answer(second, 40);
    await box.time.pass(3000);
    expect(box.arms()).toBe('v1:9000 v2:1000');
    await box.steer('resume', id);
    await box.until(() => box.arms() === 'v1:5000 v2:5000', 5000);
  });

  it('on time-out: rollback goes back', async () => {
    const { box, id } = await canary({ stepTimeout: 20_000, onTimeout: 'rollback' });
    const { reason } = await box.ends(id, 'rolled-back');
    expect(reason?.code).toBe('GATE_TIMEOUT');
  });

  it('on time-out: promote goes on, with a bake', async () => {
    const { box, id } = await canary({ stepTimeout: 20_000, onTimeout: 'promote' });
    await box.reach(id, 'baking');
    await box.ends(id, 'succeeded');
  });

  it('paused while its table is on its way gets the whole step time after the resume', async () => {
    const box = await install();
    await box.live();
    const { rolloutId: id } = await box.deploy({ strategy: 'canary', stepTimeout: 300_000 });
    box.dataPlane.brokenUntil = box.time.now + 12_000;
    await box.reach(id, 'shifting');
    await box.steer('pause', id);
    await box.until(() => box.rollout(id).stepServed, 60_000);
    await box.time.pass(500_000);
    await box.steer('resume', id);
    await box.time.pass(200_000);
    expect(box.phase(id)).toBe('shifting');
  });

  it('promote skips the remaining steps, abort goes back; both are idempotent where they must be', async () => {
    const promoted = await canary();
    await promoted.box.steer('promote', promoted.id);
    await promoted.box.until(() => promoted.box.arms() === 'v2:10000', 5000);
    await promoted.box.ends(promoted.id, 'succeeded');

    const aborted = await canary();
    await aborted.box.steer('pause', aborted.id);
    await aborted.box.steer('pause', aborted.id);
    await aborted.box.steer('abort', aborted.id);
    await aborted.box.steer('abort', aborted.id);
    await aborted.box.ends(aborted.id, 'rolled-back');
    await aborted.box.calm();
    expect(aborted.box.arms()).toBe('v1:10000');
  });

  it('fails also while it is paused', async () => {
    const { box, id } = await canary();
    await box.steer('pause', id);
    box.dataPlane.answer(second, 5, 5);
    const { reason } = await box.ends(id, 'rolled-back', 10_000);
    expect(reason?.code).toBe('GATE_FAILED');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('pause stops the clock, resume re-arms it', async () => {
    const { box, id } = await canary({ stepTimeout: 60_000 });
    await box.time.pass(40_000);
    await box.steer('pause', id);
    await box.time.pass(300_000);
    await box.steer('resume', id);
    await box.time.pass(10_000);
    expect(box.phase(id)).toBe('shifting');
    await box.until(() => box.phase(id) === 'held', 15_000);
  });

  it('an idle app is no broken observation: the bake of a release without traffic comes to its end', async () => {
    const { box, id } = await canary({ services: [web(2)] });
    await box.steer('promote', id);
    await box.reach(id, 'baking');
    await box.ends(id, 'succeeded', 30_000);
  });
});
