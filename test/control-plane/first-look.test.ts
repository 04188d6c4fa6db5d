import { expect, it } from 'vitest';
import { install } from './plant-kit.ts';

it('nothing is judged or published during the first look at what runs: no table knows only some of the instances', async () => {
  const box = await install();
  await box.live();
  const { rolloutId } = await box.deploy({ bake: 60_000 });
  await box.reach(rolloutId, 'baking');
  await box.time.pass(3000);
  box.kill();
  const served = box.dataPlane.tables.length;
  const done = box.runtime.journal.length;
  // The new control plane learns after a while what runs; the release answers errors while it is looking.
  box.runtime.blindFor = 5;
  box.time.after(500, () => box.dataPlane.answer('shop/production/v2', 40, 40));
  let meanwhile = { phase: '', served: -1, done: -1 };
  box.time.after(1400, () => {
    meanwhile = { phase: box.phase(rolloutId), served: box.dataPlane.tables.length, done: box.runtime.journal.length };
  });
  await box.boot();
  expect(meanwhile).toEqual({ phase: 'baking', served, done });
  await box.time.pass(4000);
  expect(box.phase(rolloutId)).toBe('baking');
  box.dataPlane.answer('shop/production/v2', 40, 40);
  expect((await box.ends(rolloutId, 'rolled-back')).reason?.code).toBe('BAKE_FAILED');
  await box.calm();
});
