import { expect, it } from 'vitest';
import { install } from './plant-kit.ts';

it('what is decided during the first look at what runs is acted on after it: no table knows only some of the instances', async () => {
  const box = await install();
  await box.live();
  const { rolloutId } = await box.deploy({ bake: 60_000 });
  await box.reach(rolloutId, 'baking');
  await box.time.pass(3000);
  box.kill();
  const served = box.dataPlane.tables.length;
  const done = box.runtime.journal.length;
  // The new control plane learns after three seconds what runs; the bake fails while it is looking.
  box.runtime.blindFor = 3;
  box.time.after(500, () => box.dataPlane.answer('shop/production/v2', 40, 40));
  let meanwhile = { phase: '', served: -1, done: -1 };
  box.time.after(2900, () => {
    meanwhile = { phase: box.phase(rolloutId), served: box.dataPlane.tables.length, done: box.runtime.journal.length };
  });
  await box.boot();
  expect(meanwhile).toEqual({ phase: 'rolling-back', served, done });
  expect((await box.ends(rolloutId, 'rolled-back')).reason?.code).toBe('BAKE_FAILED');
  await box.calm();
});
