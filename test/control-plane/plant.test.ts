import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { openPlant } from '../../src/control-plane/plant.ts';
import { instant } from '../../src/domain/values.ts';
import { aRelease, aRollout } from '../conformance/store-documents.ts';
import { clockOf, ManualTime } from './kit/time.ts';

it('every unfinished rollout is taken over, however many there are', async () => {
  const store = openMemoryStore();
  const { epoch } = await store.acquire();
  const release = aRelease(1);
  const rollouts = Array.from({ length: 501 }, (_, n) => aRollout({ id: `r${1000 + n}`, release, phase: 'preparing' }));
  await store.commit({ epoch, at: instant(1), releases: [release], rollouts });
  const plant = await openPlant({
    store,
    clock: clockOf(new ManualTime(), { dead: false }, instant(1)),
    epoch,
    keptAssetRoots: 5,
    onCommitted: () => undefined,
  });
  expect(plant.rollouts().map((r) => r.id)).toEqual(rollouts.map((r) => r.id));
});
