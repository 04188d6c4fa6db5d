import { expect, it } from 'vitest';
import { endApps } from '../src/daemon-end.ts';
import { accessoryGrace, accessoryId } from '../src/domain/accessories.ts';
import type { AppName, EnvironmentName, Epoch, WorkloadId } from '../src/domain/values.ts';
import { millis } from '../src/domain/values.ts';
import type { KeeperClient } from '../src/keeper/client.ts';
import type { InstanceObservation, Runtime } from '../src/ports/runtime.ts';

const database = accessoryId('shop' as AppName, 'production' as EnvironmentName, 'db');
const [web, worker, stranger] = ['web', 'worker', 'stranger'] as WorkloadId[] as [WorkloadId, WorkloadId, WorkloadId];
const epoch = 7 as Epoch;

it('apps end when their requests are answered, and databases when nobody needs them any more, whatever fails on the way', async () => {
  const said: string[] = [];
  const faults: unknown[] = [];
  const slowly = async (what: string): Promise<void> => {
    said.push(`${what} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    said.push(`${what} is done`);
  };
  const keeper = { call: (method: string) => slowly(method) } as unknown as KeeperClient;
  const runtime = {
    observe: () =>
      Promise.resolve([database, web, web, stranger, worker].map((workload) => ({ workload }) as unknown as InstanceObservation)),
    stop: async (id: WorkloadId, { grace }: { readonly grace: number }) => {
      await slowly(`${id} within ${grace}`);
      if (id === worker) throw new Error('It hangs.');
    },
  } as unknown as Runtime;
  const grace = new Map([
    [web, millis(3000)],
    [worker, millis(4000)],
    [database, millis(1)],
  ]);
  await endApps({ keeper, runtime, epoch, grace, onFault: (error) => void faults.push(error) });
  expect(said).toEqual([
    'workers begins',
    'workers is done',
    ...['web within 3000', 'stranger within 10000', 'worker within 4000'].map((one) => `${one} begins`),
    ...['web within 3000', 'stranger within 10000', 'worker within 4000'].map((one) => `${one} is done`),
    `${database} within ${accessoryGrace} begins`,
    `${database} within ${accessoryGrace} is done`,
  ]);
  expect(faults).toEqual([new Error('It hangs.')]);
});
