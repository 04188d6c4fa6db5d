import { describe, expect, it } from 'vitest';
import { api, baking, install, second, web } from './plant-kit.ts';

describe('the bake', () => {
  it('fails on errors, and the warm release serves again at once', async () => {
    const { box, id } = await baking();
    for (let i = 0; i < 5; i++) {
      box.dataPlane.answer(second, 40, 8);
      await box.time.pass(300);
    }
    const { reason, times } = await box.ends(id, 'rolled-back');
    expect(reason?.code).toBe('BAKE_FAILED');
    expect(times.restoreMs).toBeLessThan(500);
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('fails on a crash', async () => {
    const { box, id } = await baking();
    await box.time.pass(2000);
    box.runtime.crash('shop-production-web-2');
    expect((await box.ends(id, 'rolled-back')).reason?.code).toBe('INSTANCE_CRASHED');
    await box.calm();
  });

  it('fails when health is lost', async () => {
    const { box, id } = await baking();
    await box.time.pass(2000);
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false });
    expect((await box.ends(id, 'rolled-back')).reason?.code).toBe('INSTANCE_UNHEALTHY');
    await box.calm();
  });

  it('fails when the smoke list fails on the route, though it passed on the candidate', async () => {
    const box = await install();
    await box.live();
    box.answers.set(second, { candidate: 200, route: 500 });
    const { rolloutId } = await box.deploy({ smoke: true });
    expect((await box.ends(rolloutId, 'rolled-back')).reason?.code).toBe('SMOKE_FAILED');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('goes on over a restart of the control plane: a release that is well is not undone', async () => {
    const { box, id } = await baking();
    await box.time.pass(5000);
    await box.restart();
    await box.time.pass(3000);
    expect(box.phase(id)).toBe('baking');
    await box.restart();
    await box.ends(id, 'succeeded');
    await box.calm();
  });

  it('notices over a restart what has gone wrong meanwhile', async () => {
    const { box, id } = await baking();
    await box.time.pass(5000);
    box.kill();
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false });
    await box.time.pass(1000);
    await box.boot();
    await box.ends(id, 'rolled-back');
    await box.calm();
  });

  it('takes as long as it shall, watched: time in which no control plane ran does not count', async () => {
    const { box, id } = await baking();
    await box.time.pass(10_000);
    box.kill();
    await box.time.pass(3_600_000);
    await box.boot();
    await box.time.pass(40_000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'succeeded', 30_000);
  });

  it('a jump of the wall clock ends nothing early', async () => {
    const { box, id } = await baking();
    await box.time.pass(10_000);
    box.time.wallJump = 86_400_000;
    await box.time.pass(30_000);
    expect(box.phase(id)).toBe('baking');
    box.time.wallJump = -86_400_000;
    await box.time.pass(10_000);
    expect(box.phase(id)).toBe('baking');
    await box.ends(id, 'succeeded', 15_000);
  });

  it('with warm: false gives the traffic back only when the old release serves again', async () => {
    const { box, id } = await baking({ warm: false });
    await box.until(() => !box.runtime.running().includes('shop-production-web-1'), 10_000);
    box.runtime.programs.set('shop-production-web-1', { healthy: (age) => age > 4000 });
    box.dataPlane.answer(second, 10, 10);
    await box.ends(id, 'rolled-back');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('of a first release that fails takes it off the route: there is nothing to go back to', async () => {
    const box = await install();
    const { rolloutId } = await box.deploy();
    await box.reach(rolloutId, 'baking');
    box.runtime.crash('shop-production-web-1');
    await box.ends(rolloutId, 'rolled-back');
    await box.calm();
    expect(box.arms()).toBe('');
  });

  it('that fails while a newer deploy prepares takes nothing away from that one', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const old = await box.deploy({ services: [web(2), api(2)], bake: 60_000 });
    await box.reach(old.rolloutId, 'baking');
    box.runtime.programs.set('shop-production-web-3', { healthy: (age) => age > 20_000 });
    const newer = await box.deploy({ services: [web(3), api(2)], bake: 5000 });
    await box.reach(newer.rolloutId, 'starting');
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false });
    await box.ends(old.rolloutId, 'rolled-back');
    expect(box.arms()).toBe('v1:10000');
    await box.ends(newer.rolloutId, 'succeeded');
    await box.calm();
  });

  it('that fails while a newer deploy migrates: what that one shares with it is started again before the switch', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const old = await box.deploy({ services: [web(2), api(2)], bake: 60_000 });
    await box.reach(old.rolloutId, 'baking');
    box.runtime.commands.set('shop-production-web-3', { takes: 20_000 });
    const newer = await box.deploy({ services: [web(3, { command: true }), api(2)], bake: 5000 });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    box.runtime.crash('shop-production-web-2');
    await box.ends(old.rolloutId, 'rolled-back');
    await box.until(() => !box.runtime.running().includes('shop-production-api-2'), 10_000);
    await box.ends(newer.rolloutId, 'succeeded');
    await box.calm();
  });
});
