import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { openPlant } from '../../src/control-plane/plant.ts';
import { createSignals } from '../../src/control-plane/signals.ts';
import { instant, type ReleaseId } from '../../src/domain/values.ts';
import { createHealthMonitor } from '../../src/monitor/health-monitor.ts';
import { RecordingDataPlane } from './kit/data-plane.ts';
import { Violations } from './kit/fence.ts';
import { MachineRuntime } from './kit/runtime.ts';
import { lookingProber } from './kit/surroundings.ts';
import { clockOf, ManualTime } from './kit/time.ts';

const day = 24 * 3_600_000;
const release = 'shop/production/v1' as ReleaseId;

async function watching() {
  const time = new ManualTime();
  const runtime = new MachineRuntime(time, new Violations());
  const dataPlane = new RecordingDataPlane(time, runtime, new Violations());
  const clock = clockOf(time, { dead: false }, instant(1));
  const store = openMemoryStore();
  const { epoch } = await store.acquire();
  const plant = await openPlant({ store, clock, epoch, keptAssetRoots: 5, onCommitted: () => undefined });
  const prober = lookingProber({ time, runtime, dataPlane }, new Map());
  const monitor = createHealthMonitor({ runtime: runtime.port(), prober, clock, onChange: () => undefined });
  const signals = createSignals({
    plant,
    clock,
    dataPlane: dataPlane.port(),
    monitor,
    sight: { ask: () => undefined, askNowAndThen: () => undefined, wasThereAfter: () => true, isDisturbed: () => false },
    send: () => Promise.resolve(),
    onFault: () => undefined,
  });
  return { time, dataPlane, signals };
}

it('the normal error rate of a release is that of its last 1,000 requests', async () => {
  const { dataPlane, signals } = await watching();
  dataPlane.answer(release, 500, 500);
  for (let n = 0; n < 10; n++) dataPlane.answer(release, 100, 1);
  expect(signals.baseline(release)).toEqual({ requests: 1000, errors: 10 });
});

it('and of no more than seven days: an outage of last week does not make failures normal', async () => {
  const { time, dataPlane, signals } = await watching();
  dataPlane.answer(release, 100, 50);
  expect(signals.baseline(release)).toEqual({ requests: 100, errors: 50 });
  time.now += 8 * day;
  expect(signals.baseline(release)).toEqual({ requests: 0, errors: 0 });
  dataPlane.answer(release, 200, 2);
  expect(signals.baseline(release)).toEqual({ requests: 200, errors: 2 });
});
