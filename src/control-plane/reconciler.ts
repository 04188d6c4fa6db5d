import { accessoryGrace, isAccessoryId } from '../domain/accessories.ts';
import { type DesiredWorkload, desiredWorkloads } from '../domain/desired.ts';
import type { Workload } from '../domain/release.ts';
import { type Millis, millis, type WorkloadId } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { InstanceObservation, Runtime } from '../ports/runtime.ts';
import type { Store } from '../ports/store.ts';
import type { Accessories } from './accessories.ts';
import type { Addresses } from './addresses.ts';
import { mergeCalls } from './merge-calls.ts';
import type { Plant } from './plant.ts';
import type { Publisher } from './publisher.ts';

/** Makes the runtime follow the decisions: starts what is missing, stops what nothing needs once no table leads to it. */
export interface Reconciler {
  /** Looks at the world and acts where it differs; calls are merged. */
  kick(): void;
  desired(): readonly DesiredWorkload[];
  stop(): void;
}

export interface ReconcilerPorts {
  readonly plant: Plant;
  readonly runtime: Runtime;
  readonly dataPlane: DataPlane;
  readonly store: Store;
  readonly publisher: Publisher;
  readonly addresses: Addresses;
  readonly accessories: Accessories;
  readonly clock: Clock;
  readonly onDesired: (desired: readonly DesiredWorkload[]) => void;
  /** The workload cannot be started; said to the rollouts that need it. */
  readonly onStartFailed: (workload: Workload, error: unknown) => void;
  readonly onFault: (error: unknown) => void;
}

/** What runs is compared with what shall run at least this often, whatever happens. */
const every = millis(5000);
const startRetry = millis(2000);
/** How soon a service is looked at again whose accessories have no address yet. */
const addressRetry = millis(200);

export function createReconciler(ports: ReconcilerPorts): Reconciler {
  const { plant, runtime, dataPlane, store, publisher, addresses, accessories, clock, onFault } = ports;
  /** What each workload was last declared with, in this process. */
  const declared = new Map<WorkloadId, { readonly replicas: number; readonly follows: string | undefined }>();
  const starting = new Set<WorkloadId>();
  const stopping = new Set<WorkloadId>();
  const { kick, stop } = mergeCalls(pass, onFault);
  /** Set by the first look: nothing is started or stopped before somebody has asked for one. */
  let cancelTimer = (): void => undefined;

  function desired(): readonly DesiredWorkload[] {
    return [
      ...accessories.desired(),
      ...plant.environments().flatMap((e) => desiredWorkloads(e, plant.rollouts(e.key), plant.releases())),
    ];
  }

  /** Asked again after everything that takes time: what is drained or stopped is what no decision and no table leads to now. */
  const isUnneeded = (id: WorkloadId): boolean => !publisher.leadsTo(id) && !desired().some((d) => d.workload.id === id);

  async function pass(): Promise<void> {
    cancelTimer();
    cancelTimer = clock.after(every, kick);
    const wanted = desired();
    ports.onDesired(wanted);
    const observed = await runtime.observe();
    const wantedIds = new Set(wanted.map((d) => d.workload.id));
    for (const d of wanted) startIfNeeded(d, wanted, observed);
    for (const id of new Set(observed.map((o) => o.workload))) {
      if (!wantedIds.has(id) && !stopping.has(id) && isUnneeded(id)) void retire(id);
    }
  }

  function startIfNeeded(d: DesiredWorkload, wanted: readonly DesiredWorkload[], observed: readonly InstanceObservation[]): void {
    const { id } = d.workload;
    if (starting.has(id) || stopping.has(id)) return;
    const present = observed.filter((o) => o.workload === id && o.state !== 'stopped').length;
    const before = declared.get(id);
    const follows = accessories.follows(d.workload, observed) ?? before?.follows;
    if (before?.replicas === d.replicas && present === d.replicas && before.follows === follows) return;
    if (d.exclusive && predecessorRuns(d, wanted, observed)) return;
    void start(d);
  }

  /** An exclusive worker waits until no other workload of its service is left. */
  function predecessorRuns(
    d: DesiredWorkload,
    wanted: readonly DesiredWorkload[],
    observed: readonly InstanceObservation[],
  ): boolean {
    const prefix = `${d.workload.app}-${d.workload.environment}-${d.workload.service}-`;
    const isSibling = (id: WorkloadId): boolean =>
      id !== d.workload.id && id.startsWith(prefix) && !id.slice(prefix.length).includes('-');
    const others = observed.filter((o) => isSibling(o.workload) && o.state !== 'stopped');
    return others.some((o) => !wanted.some((w) => w.workload.id === o.workload));
  }

  async function start(d: DesiredWorkload): Promise<void> {
    const { workload, replicas } = d;
    starting.add(workload.id);
    try {
      const variables = await addresses.variables(workload);
      if (variables === null) {
        // Its accessories are being started: until they have addresses there is nothing to tell it.
        clock.after(addressRetry, kick);
        return;
      }
      await runtime.ensure(workload, { replicas, ...variables, epoch: plant.epoch });
      declared.set(workload.id, { replicas, follows: variables.follows });
      accessories.told(workload.id, null);
    } catch (error) {
      accessories.told(workload.id, error);
      ports.onStartFailed(workload, error);
      clock.after(startRetry, kick);
    } finally {
      starting.delete(workload.id);
    }
  }

  async function retire(id: WorkloadId): Promise<void> {
    stopping.add(id);
    try {
      const [workload] = await store.workloads([id]);
      if (!isUnneeded(id)) return;
      await dataPlane.drain(id, workload?.drain ?? millis(30_000), plant.epoch);
      if (isUnneeded(id)) {
        declared.delete(id);
        await runtime.stop(id, { grace: graceOf(id, workload), epoch: plant.epoch });
        if (!desired().some((d) => d.workload.id === id)) await runtime.forget(id);
      }
    } catch (error) {
      onFault(error);
      await new Promise<void>((resolve) => {
        clock.after(startRetry, resolve);
      });
    } finally {
      stopping.delete(id);
      kick();
    }
  }

  return {
    kick,
    desired,
    stop: () => {
      stop();
      cancelTimer();
    },
  };
}

/** An accessory that was removed is known by its id alone. */
const graceOf = (id: WorkloadId, workload: Workload | undefined): Millis =>
  workload?.grace ?? (isAccessoryId(id) ? accessoryGrace : millis(10_000));
