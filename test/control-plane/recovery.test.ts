import { describe, expect, it } from 'vitest';
import { baking, install, type Installation, second, web } from './plant-kit.ts';

/** As the keeper does: the instance crashes and is well again before anybody looks. */
async function crashUnseen(box: Installation): Promise<void> {
  box.kill();
  box.runtime.crash('shop-production-web-2');
  await box.time.pass(5000);
  await box.boot();
}

describe('a restart of the control plane in a bake', () => {
  it('finds the crash of an instance that is well again by the count that the runtime keeps', async () => {
    const { box, id } = await baking();
    await box.time.pass(2000);
    await crashUnseen(box);
    expect((await box.ends(id, 'rolled-back')).reason?.code).toBe('INSTANCE_CRASHED');
    await box.calm();
  });

  it('blames nobody for crashes from before the switch', async () => {
    const box = await install();
    await box.live();
    box.runtime.programs.set('shop-production-web-2', { healthy: (age) => age > 2000 });
    const { rolloutId } = await box.deploy({ bake: 60_000 });
    await box.reach(rolloutId, 'starting');
    await box.time.pass(500);
    box.runtime.crash('shop-production-web-2');
    await box.reach(rolloutId, 'baking');
    await box.restart();
    await box.ends(rolloutId, 'succeeded');
  });

  it('goes on counting where it stopped: errors after it are judged with all the requests they belong to', async () => {
    const { box, id } = await baking();
    box.dataPlane.answer(second, 10);
    await box.time.pass(2000);
    await box.restart();
    box.dataPlane.answer(second, 12, 8);
    const rollout = await box.ends(id, 'rolled-back', 10_000);
    expect(rollout.reason).toMatchObject({ code: 'BAKE_FAILED' });
    expect(rollout.traffic.served).toBe(22);
  });

  it('starts a clock again that blindness had stopped, also when nothing is ever counted any more', async () => {
    const { box, id } = await baking({ bake: 20_000 });
    box.dataPlane.answer(second, 5);
    await box.time.pass(1000);
    box.life.interfere = ({ name }) => {
      if (name === 'dataPlane.statsNow') throw new Error('No counts.');
    };
    await box.until(() => box.rollout(id).clockLeft !== null, 20_000);
    await box.restart();
    await box.ends(id, 'succeeded', 30_000);
  });

  it('makes at most five seconds of it be watched again, however quiet it was', async () => {
    const { box, id } = await baking();
    for (let lives = 0; lives < 4; lives++) {
      await box.time.pass(20_000);
      if (box.active().length === 0) break;
      await box.restart();
    }
    await box.time.pass(5000);
    expect(box.phase(id)).toBe('succeeded');
  });
});

it('blindness stops the clock of a bake also when no request was ever counted', async () => {
  const { box, id } = await baking({ bake: 20_000 });
  box.life.interfere = ({ name }) => {
    if (name === 'dataPlane.statsNow') throw new Error('No counts.');
  };
  await box.time.pass(60_000);
  expect(box.phase(id)).toBe('baking');
  box.life.interfere = () => undefined;
  await box.ends(id, 'succeeded', 40_000);
});

it('a newer release shares with the baking one only what it starts itself, should that be undone before its switch', async () => {
  const box = await install();
  await box.live({ services: [web(1), { ...web(1), name: 'api' }] });
  const old = await box.deploy({ services: [web(2), { ...web(2), name: 'api' }], bake: 60_000 });
  await box.reach(old.rolloutId, 'baking');
  box.runtime.programs.set('shop-production-web-3', { healthy: (age) => age > 20_000 });
  const newer = await box.deploy({ services: [web(3), { ...web(2), name: 'api' }], bake: 5000 });
  await box.reach(newer.rolloutId, 'starting');
  box.runtime.crash('shop-production-web-2');
  await box.ends(old.rolloutId, 'rolled-back');
  await box.time.pass(2000);
  expect(box.runtime.running()).toContain('shop-production-api-2');
  await box.ends(newer.rolloutId, 'succeeded');
  await box.calm();
});
