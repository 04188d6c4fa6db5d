import { accessoryGrace, isAccessoryId } from './domain/accessories.ts';
import { type Epoch, type Millis, millis, type WorkloadId } from './domain/values.ts';
import type { KeeperClient } from './keeper/client.ts';
import type { Runtime } from './ports/runtime.ts';

/** Of a workload that runs and that nobody declares. */
const strangersGrace = millis(10_000);

/** The end of the installation's own programs; what runs on Signalbox goes on unless `all`. */
export async function endKeeper(keeper: KeeperClient, what: { readonly epoch: number; readonly all: boolean }): Promise<void> {
  await keeper.call('shutdown', what, 150_000).catch((error: unknown) => {
    // It has ended before its answer arrived: that is what was asked for.
    if (!(error instanceof Error && 'code' in error && error.code === 'WIRE_CLOSED')) throw error;
  });
}

/**
 * Ends all that runs, in the order in which nobody misses what he needs: the proxy when its requests are answered, then the services,
 * at last the databases and the like. What cannot be ended this way is left to the end of its keeper.
 */
export async function endApps(of: {
  readonly keeper: KeeperClient;
  readonly runtime: Runtime;
  readonly epoch: Epoch;
  readonly grace: ReadonlyMap<WorkloadId, Millis>;
  readonly onFault: (error: unknown) => void;
}): Promise<void> {
  const { keeper, runtime, epoch, grace, onFault } = of;
  await keeper.call('workers', { epoch, workers: [] }, 20_000).catch(onFault);
  const all = [...new Set((await runtime.observe()).map(({ workload }) => workload))];
  const end = async (ids: readonly WorkloadId[]): Promise<void> => {
    const ended = ids.map((id) =>
      runtime.stop(id, { grace: isAccessoryId(id) ? accessoryGrace : (grace.get(id) ?? strangersGrace), epoch }).catch(onFault),
    );
    await Promise.all(ended);
  };
  await end(all.filter((id) => !isAccessoryId(id)));
  await end(all.filter(isAccessoryId));
}
