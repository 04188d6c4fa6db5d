import { describe, expect, it } from 'vitest';
import type { ReleaseId } from '../../src/domain/values.ts';
import { startFailed } from './kit/runtime.ts';
import { api, type Installation, install, type Source, web } from './plant-kit.ts';

const second = 'shop/production/v2' as ReleaseId;

/** v1 is live; then v2 comes and must fail without a trace. */
async function leavesNoTrace(
  box: Installation,
  source: Source = {},
): Promise<{ code: string; message: string; log?: readonly string[] }> {
  const arms = box.arms();
  const kept = box.runtime.running();
  const instances = [...box.runtime.instances.keys()];
  const { rolloutId } = await box.deploy({ services: [web(2), api(1)], ...source });
  const { reason } = await box.ends(rolloutId, 'failed');
  await box.calm();
  expect(box.arms()).toBe(arms);
  expect(box.runtime.running()).toEqual(kept);
  expect([...box.runtime.instances.keys()]).toEqual(instances);
  expect(
    box.dataPlane.tables.every((t) => t.splits.every((s) => s.arms.every((a) => a.release !== second || a.weight === 0))),
  ).toBe(true);
  if (!reason) throw new Error('It failed without a reason.');
  return reason;
}

async function liveShop(): Promise<Installation> {
  const box = await install();
  await box.live({ services: [web(1, { command: true }), api(1)] });
  return box;
}

describe('a failure before the switch leaves routes and instances exactly as they were, with the reason', () => {
  it('a failed build', async () => {
    const box = await liveShop();
    box.workshop.failing.add('web');
    const reason = await leavesNoTrace(box);
    expect(reason).toMatchObject({ code: 'BUILD_FAILED', log: ['syntax error'] });
  });

  it('a failing release command', async () => {
    const box = await liveShop();
    box.runtime.commands.set('shop-production-web-2', { exitCode: 3 });
    const reason = await leavesNoTrace(box, { services: [web(2, { command: true }), api(1)] });
    expect(reason).toMatchObject({ code: 'COMMAND_FAILED', log: ['migrating'] });
    expect(box.runtime.count('shop-production-web-2')).toBe(0);
  });

  it('a hanging release command', async () => {
    const box = await liveShop();
    box.runtime.commands.set('shop-production-web-2', { takes: 1e9 });
    const reason = await leavesNoTrace(box, { services: [web(2, { command: true }), api(1)] });
    expect(reason.code).toBe('COMMAND_TIMED_OUT');
  });

  it('never healthy: ends at the deadline, with the last probe and the last log lines', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false, log: ['no database'] });
    const began = box.time.now;
    const reason = await leavesNoTrace(box);
    expect(reason).toMatchObject({ code: 'HEALTH_DEADLINE', log: ['no database'] });
    expect(reason.message).toContain('GET /health answered 503');
    expect(box.time.now - began).toBeLessThan(70_000);
  });

  it('a health check that hangs', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', { healthy: () => 'hangs' });
    expect((await leavesNoTrace(box)).message).toContain('did not answer within 1000 ms');
  });

  it('flapping health: a flap resets, so that it never counts as healthy', async () => {
    const box = await liveShop();
    let probe = 0;
    box.runtime.programs.set('shop-production-web-2', { healthy: () => probe++ % 2 === 0 });
    expect((await leavesNoTrace(box)).code).toBe('HEALTH_DEADLINE');
  });

  it('one service flaps and another never comes up: progress is not made twice, the deadline holds', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', { healthy: (age) => age % 10_000 < 5000 });
    box.runtime.programs.set('shop-production-api-2', { healthy: () => false });
    const began = box.time.now;
    const reason = await leavesNoTrace(box, { services: [web(2), api(2)] });
    expect(reason.code).toBe('HEALTH_DEADLINE');
    expect(box.time.now - began).toBeLessThan(150_000);
  });

  it('crash on start: attempts exhausted fails early instead of waiting for the deadline', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', { crashesAfter: 50, healthy: () => false, log: ['Error: secret missing'] });
    const began = box.time.now;
    const reason = await leavesNoTrace(box);
    expect(reason).toMatchObject({ code: 'INSTANCE_CRASHED', log: ['Error: secret missing'] });
    expect(box.time.now - began).toBeLessThan(10_000);
  });

  it('PORT ignored: fails at once with the port named', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', {
      healthy: () => false,
      fault: { code: 'PORT_IGNORED', message: 'It listens on 3000.' },
    });
    const began = box.time.now;
    expect(await leavesNoTrace(box)).toMatchObject({ code: 'PORT_IGNORED', message: 'It listens on 3000.' });
    expect(box.time.now - began).toBeLessThan(10_000);
  });

  it('an instance that cannot be started', async () => {
    const box = await liveShop();
    box.runtime.programs.set('shop-production-web-2', { refusesToStart: startFailed('No such command: nodee') });
    expect(await leavesNoTrace(box)).toMatchObject({ code: 'START_FAILED', message: 'No such command: nodee' });
  });

  it('a smoke check that fails on the candidate', async () => {
    const box = await liveShop();
    box.answers.set(second, { candidate: 500 });
    const reason = await leavesNoTrace(box, { smoke: true });
    expect(reason).toMatchObject({ code: 'SMOKE_FAILED' });
    expect(reason.message).toContain('answered 500');
  });

  it('a release that turns unhealthy at the instant of promotion is not promoted', async () => {
    const box = await liveShop();
    // Two good probes while it starts, then never again: the check at the very instant sees it.
    let probes = 0;
    box.runtime.programs.set('shop-production-web-2', { healthy: () => probes++ < 2 });
    expect((await leavesNoTrace(box)).code).toBe('HEALTH_DEADLINE');
  });
});

describe('a release command', () => {
  it('runs at most once, before any instance starts', async () => {
    const box = await install();
    await box.live({ services: [web(1, { command: true })] });
    const { rolloutId } = await box.deploy({ services: [web(2, { command: true })] });
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.journal.filter((line) => /run|ensure/.test(line))).toEqual([
      'run shop-production-web-1',
      'ensure shop-production-web-1 x1',
      'run shop-production-web-2',
      'ensure shop-production-web-2 x1',
    ]);
  });

  it('is not run again when its inputs did not change', async () => {
    const box = await install();
    await box.live({ services: [web(1, { command: true })] });
    const { rolloutId } = await box.deploy({ services: [web(2, { command: true, commandVersion: 1 })] });
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.commandsStarted).toHaveLength(1);
  });

  it('that outlives its control plane is joined, not run twice', async () => {
    const box = await install();
    box.runtime.commands.set('shop-production-web-1', { takes: 5000 });
    const { rolloutId } = await box.deploy({ services: [web(1, { command: true })] });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    await box.restart();
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.commandsStarted).toHaveLength(1);
  });

  it('goes on when its control plane is stopped in good order', async () => {
    const box = await install();
    box.runtime.commands.set('shop-production-web-1', { takes: 5000 });
    const { rolloutId } = await box.deploy({ services: [web(1, { command: true })] });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    box.plane.stop();
    await box.time.pass(50);
    await box.restart();
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.commandsStarted).toHaveLength(1);
  });

  it('whose end nobody saw is held for a person, who says that it is done', async () => {
    const box = await install();
    box.runtime.commands.set('shop-production-web-1', { lost: true });
    const { rolloutId } = await box.deploy({ services: [web(1, { command: true })] });
    await box.until(() => box.phase(rolloutId) === 'held');
    expect(box.rollout(rolloutId).reason?.code).toBe('COMMAND_LOST');
    await box.restart();
    await box.time.pass(100_000);
    expect(box.phase(rolloutId)).toBe('held');
    await box.steer('resume', rolloutId);
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.commandsStarted).toHaveLength(1);
  });

  it('whose end nobody saw can be aborted instead', async () => {
    const box = await install();
    box.runtime.commands.set('shop-production-web-1', { lost: true });
    const { rolloutId } = await box.deploy({ services: [web(1, { command: true })] });
    await box.until(() => box.phase(rolloutId) === 'held');
    await box.steer('abort', rolloutId);
    await box.ends(rolloutId, 'cancelled');
    expect(box.runtime.running()).toEqual([]);
  });

  it('is not cut off by a newer deploy, which waits for its end', async () => {
    const box = await install();
    await box.live();
    box.runtime.commands.set('shop-production-web-2', { takes: 8000 });
    const old = await box.deploy({ services: [web(2, { command: true })] });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    const newer = await box.deploy({ services: [web(3)] });
    await box.time.pass(5000);
    expect(box.phase(newer.rolloutId)).toBe('queued');
    await box.ends(old.rolloutId, 'superseded');
    expect(box.home.tables.environments.get('shop/production')?.commandsDone).toEqual({ web: 'db2' });
    await box.ends(newer.rolloutId, 'succeeded');
    await box.calm();
  });

  it('that is lost while a newer deploy waits makes way for it', async () => {
    const box = await install();
    await box.live();
    box.runtime.commands.set('shop-production-web-2', { takes: 3000, lost: true });
    const old = await box.deploy({ services: [web(2, { command: true })] });
    await box.until(() => box.runtime.commandsStarted.length === 1);
    const newer = await box.deploy({ services: [web(3)] });
    await box.ends(old.rolloutId, 'superseded');
    await box.ends(newer.rolloutId, 'succeeded');
  });
});
