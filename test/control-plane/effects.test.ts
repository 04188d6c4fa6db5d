import { describe, expect, it } from 'vitest';
import { SignalboxError } from '../../src/domain/errors.ts';
import { install, web } from './plant-kit.ts';

describe('an effect that cannot even be carried out', () => {
  it('fails the rollout when trying again is of no use: a source that is gone', async () => {
    const box = await install();
    await box.live();
    box.life.interfere = ({ name, when }) => {
      if (name === 'builder.build' && when === 'before') throw new SignalboxError('UNKNOWN_SOURCE', 'That commit is not kept.');
    };
    const { rolloutId } = await box.deploy();
    const { reason } = await box.ends(rolloutId, 'failed', 5000);
    expect(reason).toMatchObject({ code: 'UNKNOWN_SOURCE', message: 'Nothing was built: That commit is not kept.' });
    await box.calm();
  });

  it('is tried again for two minutes when nobody knows what is wrong, then fails the rollout', async () => {
    const box = await install();
    await box.live();
    box.workshop.throwing = 1e9;
    const { rolloutId } = await box.deploy();
    await box.time.pass(100_000);
    expect(box.phase(rolloutId)).toBe('preparing');
    const { reason } = await box.ends(rolloutId, 'failed', 60_000);
    expect(reason?.message).toContain('The build room is locked.');
    await box.calm();
  });

  it('fails the rollout when a release command was refused before it began', async () => {
    const box = await install();
    await box.live();
    box.life.interfere = ({ name, when }) => {
      if (name === 'runtime.run' && when === 'before') throw new SignalboxError('ARTIFACT_MISSING', 'The artifact is gone.');
    };
    const { rolloutId } = await box.deploy({ services: [web(2, { command: true })] });
    const { reason } = await box.ends(rolloutId, 'failed', 5000);
    expect(reason).toMatchObject({ code: 'ARTIFACT_MISSING', service: 'web' });
  });
});

it('the route check is not failed by a person who has stopped the traffic: the release is asked behind the barrier', async () => {
  const box = await install();
  await box.live();
  const { app, environment } = box.request('');
  await box.during(box.plane.commands.traffic({ app, environment, kind: 'stop' }));
  const { rolloutId } = await box.deploy({ smoke: true });
  await box.ends(rolloutId, 'succeeded');
  box.answers.set('shop/production/v3' as never, { candidate: 500 });
  const bad = await box.deploy({ smoke: true });
  await box.ends(bad.rolloutId, 'failed');
});

it('who changes the traffic mode is told within 15 s that the proxy does not follow, and the decision stands', async () => {
  const box = await install();
  await box.live();
  const { app, environment } = box.request('');
  box.dataPlane.brokenUntil = box.time.now + 60_000;
  const asked = box.time.now;
  await expect(box.during(box.plane.commands.traffic({ app, environment, kind: 'stop' }))).rejects.toMatchObject({
    code: 'DATA_PLANE_UNAVAILABLE',
    message: expect.stringContaining('on record') as string,
  });
  expect(box.time.now - asked).toBeLessThan(16_000);
  await box.until(() => box.dataPlane.split()?.mode.kind === 'stop', 90_000);
});

it('traffic goes back at once when the log of what failed hangs', async () => {
  const box = await install();
  await box.live();
  box.runtime.programs.set('shop-production-web-2', { log: 'hangs' });
  const { rolloutId } = await box.deploy({ bake: 60_000 });
  await box.reach(rolloutId, 'baking');
  box.runtime.crash('shop-production-web-2');
  const crashed = box.time.now;
  await box.until(() => box.arms() === 'v1:10000');
  expect(box.time.now - crashed).toBeLessThan(500);
  await box.ends(rolloutId, 'rolled-back');
});

it('a rolling step whose next instances never come says what their last probe saw', async () => {
  const box = await install();
  await box.live({ services: [web(1, { replicas: 2 })] });
  let born = 0;
  const known = new Set<number>();
  box.runtime.programs.set('shop-production-web-2', {
    healthy: (age) => {
      const bornAt = box.time.now - age;
      if (!known.has(bornAt)) born = known.add(bornAt).size;
      return born < 2;
    },
  });
  const { rolloutId } = await box.deploy({ services: [web(2, { replicas: 2 })], strategy: 'rolling' });
  const { reason } = await box.ends(rolloutId, 'rolled-back');
  expect(reason?.message).toContain('GET /health answered 503');
});
