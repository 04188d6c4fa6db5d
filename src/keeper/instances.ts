import { endProcesses } from './ending.ts';
import { type Instance, type InstanceContext, type InstanceRecord, openInstance } from './instance.ts';
import { markedProcesses } from './processes.ts';
import type { ExitRecord, InstanceState, LaunchSpec } from './protocol.ts';
import type { Records } from './state.ts';

export interface Instances {
  /** Takes over, restarts or finishes stopping what is on record; call once, first. */
  adopt(): Promise<void>;
  /** @throws when the record cannot be written: then nothing is started. */
  start(spec: LaunchSpec): Promise<InstanceState>;
  stop(id: string, graceMs: number): Promise<ExitRecord | null>;
  /** Stops all of them, each with at least the grace of its own. */
  stopAll(graceMs: number): Promise<unknown>;
  /** With those that run without a record (label `stray`): somebody lost the keeper's folder. */
  list(): InstanceState[];
  /** Stops looking after them; they run on. */
  close(): void;
}

export type InstancesOptions = Omit<InstanceContext, 'save' | 'forget'> & { readonly records: Records<InstanceRecord> };

/** `isRun` tells the ids of one-off runs, which carry the same marker. */
export function openInstances(options: InstancesOptions, isRun: (id: string) => boolean): Instances {
  const { homeId, records, report } = options;
  const instances = new Map<string, Instance>();
  const strays = new Map<string, InstanceState>();
  const context: InstanceContext = {
    ...options,
    save: (record, desired) => records.write(record.spec.id, record, !desired),
    forget: (id) => {
      instances.delete(id);
      records.remove(id);
    },
  };

  const findStrays = async (): Promise<void> => {
    const prefix = `${homeId}:`;
    for (const { process: found, marker } of await markedProcesses()) {
      if (!marker.startsWith(prefix)) continue;
      const { pid } = found;
      const id = marker.slice(prefix.length);
      if (instances.has(id) || strays.has(id) || isRun(id)) continue;
      report(`${id} runs (pid ${pid}) but is not on record.`);
      const labels = { stray: 'true' };
      strays.set(id, { id, state: 'running', pid, startedAt: null, restarts: 0, lastExit: null, labels, adopted: true });
    }
  };

  return {
    adopt: async () => {
      for (const record of records.all((file, cause) => report(`${file} is unreadable: ${String(cause)}`))) {
        instances.set(record.spec.id, openInstance(record, context));
      }
      await findStrays();
      await Promise.all([...instances.values()].map((instance) => instance.adopt()));
    },
    start: async (spec) => {
      const before = instances.get(spec.id);
      if (before?.state().state === 'stopping') await before.stop(Number.POSITIVE_INFINITY);
      strays.delete(spec.id);
      let instance = instances.get(spec.id);
      if (!instance) {
        const record = { spec, process: null, startedAt: null, restarts: 0, quickEnds: 0, lastExit: null, stopping: null };
        context.save(record, true);
        instance = openInstance(record, context);
        instances.set(spec.id, instance);
      }
      await instance.start(spec);
      return instance.state();
    },
    stop: async (id, graceMs) => {
      const instance = instances.get(id);
      if (instance) return instance.stop(graceMs);
      await endProcesses({ main: null, marker: `${homeId}:${id}`, members: () => [], graceMs });
      strays.delete(id);
      return null;
    },
    stopAll: (graceMs) =>
      Promise.all([
        ...[...instances.values()].map((instance) => instance.stop(Math.max(graceMs, instance.graceMs()))),
        ...[...strays.keys()].map((id) => endProcesses({ main: null, marker: `${homeId}:${id}`, members: () => [], graceMs })),
      ]),
    list: () => [...[...instances.values()].map((instance) => instance.state()), ...strays.values()],
    close: () => {
      for (const instance of instances.values()) instance.close();
    },
  };
}
