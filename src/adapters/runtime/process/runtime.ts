import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Workload } from '../../../domain/release.ts';
import type { Epoch, InstanceId } from '../../../domain/values.ts';
import type { InstanceState } from '../../../keeper/protocol.ts';
import { noSealing, openSealing } from '../../../keeper/sealing.ts';
import type { InstanceObservation, Runtime } from '../../../ports/runtime.ts';
import { turns } from '../../../wire/turns.ts';
import type { BaseEnvironment } from './environment.ts';
import { artifactOf, type Folders, logFolderOf, persistentOf, scratchOf } from './folders.ts';
import { callsTo, type RuntimeKeeper } from './keeper-calls.ts';
import { instanceId, numberOfInstance, workloadOfInstance } from './labels.ts';
import { openLauncher } from './launcher.ts';
import { readLogs } from './logs.ts';
import { canMakeNetworks } from './namespaces.ts';
import { observationOf } from './observation.ts';
import { openOneOffs } from './one-offs.ts';
import { openPorts, type PortRange } from './ports.ts';
import { openWorkloadRecords, type WorkloadRecord } from './records.ts';
import { openUpkeep } from './upkeep.ts';
import { openUsers } from './users.ts';

export interface ProcessRuntimeOptions {
  readonly keeper: RuntimeKeeper;
  /** The same as the keeper's; names network namespaces. */
  readonly homeId: string;
  /** Of the control plane that opens it; what the runtime does by itself carries the newest one seen. */
  readonly epoch: Epoch;
  readonly folders: Folders;
  /** File of the key that records are sealed with; made when it is missing. Undefined: they lie open, for their owner alone. */
  readonly recordKey?: string;
  readonly base: BaseEnvironment;
  /** Default 20,000 to 31,999: below the kernel's own. */
  readonly portRange?: PortRange;
  /** `own`: a user per app and environment, needs root. Default: `own` as root, else `current`. */
  readonly users?: 'own' | 'current';
  /** Default `root`, with a note. */
  readonly whenUnreachable?: 'root' | 'refuse';
  /** Default: as root with iproute2 and util-linux. */
  readonly networks?: boolean;
  /** File of the mail catcher, one that needs no other file. */
  readonly mailCatcher?: string;
  /** Told each note as it comes, see `notes`. */
  readonly onNote?: (text: string) => void;
}

export interface ProcessRuntime extends Runtime {
  /** What an operator should know, e.g. why instances run as root; newest last, without repetition. */
  notes(): readonly string[];
}

export function openProcessRuntime(options: ProcessRuntimeOptions): ProcessRuntime {
  const { keeper, homeId, folders, base, whenUnreachable = 'root', onNote = () => {} } = options;
  const uid = process.getuid?.() ?? -1;
  const { users = uid === 0 ? 'own' : 'current', networks = canMakeNetworks(uid, base.path) } = options;
  mkdirSync(join(folders.work, 'scratch'), { recursive: true, mode: 0o711 });
  const call = callsTo(keeper);
  const records = openWorkloadRecords(
    join(folders.work, 'workloads'),
    options.recordKey === undefined ? noSealing : openSealing(options.recordKey),
  );
  const ports = openPorts(options.portRange);
  const notes = new Set<string>();
  const note = (text: string): void => {
    if (notes.has(text)) return;
    notes.add(text);
    onNote(text);
  };
  const prepare = {
    folders,
    base,
    whenUnreachable,
    note,
    users: users === 'own' ? openUsers(join(folders.work, 'users.json')) : null,
    system: { path: base.path, mailCatcher: options.mailCatcher ?? '' },
  };
  const launcher = openLauncher({
    ...prepare,
    homeId,
    ports,
    call,
    onPort: (id, port) => {
      const record = records.get(id);
      if (record) records.put({ ...record, keptPort: port });
    },
  });
  const oneOffs = openOneOffs({ ...prepare, keeper, call });
  const inTurn = turns();
  const listeners = new Set<(instance: InstanceObservation) => void>();
  let epoch: number = options.epoch;
  let closed = false;
  let settled: Promise<void> = Promise.resolve();

  const upkeep = openUpkeep({
    call,
    folders,
    records,
    launcher,
    networks,
    inTurn,
    note,
    epoch: () => epoch,
    onChange: (id) => {
      list().then(
        (instances) => instances.filter((state) => state.id === id).forEach(tell),
        () => {}, // Without a keeper nothing can be said; `observe` says so.
      );
    },
  });
  const list = async (): Promise<readonly InstanceState[]> => (await call('list', {})).instances;
  const of = async (workload: string): Promise<InstanceState[]> =>
    (await list()).filter((state) => (state.labels['workload'] ?? workloadOfInstance(state.id)) === workload);
  const observed = (state: InstanceState, memory: number | null): InstanceObservation =>
    observationOf(state, {
      fault: upkeep.fault(state.id),
      memory,
      listens: upkeep.listens(state),
      hasListened: upkeep.hasListened(state),
    });
  const tell = (state: InstanceState): void => {
    const observation = observed(state, null);
    for (const listener of listeners) listener(observation);
  };
  const accept = async (now: Epoch): Promise<void> => {
    await call('hello', { epoch: now });
    epoch = Math.max(epoch, now);
  };

  const takeOver = async (): Promise<void> => {
    const instances = await list();
    const strays = instances.filter(({ labels }) => labels['stray'] === 'true');
    for (const state of instances) {
      ports.hold(Number(state.labels['port']));
      upkeep.see(state);
    }
    for (const { id } of strays) note(`${id} runs without being on record; it is being stopped.`);
    await Promise.all(strays.map(({ id }) => call('stop', { epoch, id, graceMs: 5000 })));
  };
  const settle = (): void => {
    settled = takeOver().catch((cause: unknown) =>
      note(`What runs could not be looked through: ${cause instanceof Error ? cause.message : String(cause)}`),
    );
  };
  const unsubscribe = [
    keeper.on('instance', (state) => {
      if (closed) return;
      upkeep.see(state);
      tell(state);
    }),
    keeper.onReconnect(settle),
  ];
  settle();

  const stopInstances = async (states: readonly InstanceState[], graceMs: number): Promise<void> => {
    await Promise.all(
      states.map(async ({ id, labels }) => {
        upkeep.forget(id);
        await call('stop', { epoch, id, graceMs });
        ports.release(Number(labels['port']));
        await rm(join(scratchOf(folders, workloadOfInstance(id)), `${numberOfInstance(id)}`), { recursive: true, force: true });
      }),
    );
  };

  return {
    ensure: async (workload, { replicas, env, follows, epoch: now }) => {
      await accept(now);
      if (workload.kind === 'static') return;
      const { service, artifact } = workload;
      if (artifact.given !== undefined && 'image' in artifact.given)
        throw new SignalboxError('START_FAILED', `${service} is an image (${artifact.given.image}), which needs Docker.`);
      if (artifact.given === undefined && !existsSync(artifactOf(folders, workload))) {
        throw new SignalboxError('ARTIFACT_MISSING', `The artifact of ${service} (${artifact.key}) is gone.`);
      }
      await settled;
      await inTurn(workload.id, async () => {
        const before = records.get(workload.id);
        const record = {
          workload,
          env,
          replicas,
          fixedPort: before?.fixedPort ?? siblingPort(workload, records.all()),
          ...(before?.keptPort === undefined ? {} : { keptPort: before.keptPort }),
          ...(follows === undefined ? {} : { follows }),
        };
        records.put(record);
        for (const { id, state } of await of(workload.id)) {
          if (state === 'stopping') await call('stop', { epoch: now, id, graceMs: workload.grace });
        }
        const there = await of(workload.id);
        const surplus = there.filter(({ id }) => numberOfInstance(id) > replicas);
        const missing = Array.from({ length: replicas }, (_, n) => n + 1).filter(
          (n) => !there.some(({ id }) => id === instanceId(workload.id, n)),
        );
        const started = await Promise.allSettled(missing.map((n) => launcher.start(record, n, now)));
        const failed = started.find((result) => result.status === 'rejected');
        if (failed) {
          if (before) records.put(before);
          else records.remove(workload.id);
          const begun = (await of(workload.id)).filter(({ id }) => missing.includes(numberOfInstance(id)));
          await stopInstances(begun, 0);
          throw failed.reason;
        }
        if (before?.follows !== undefined && before.follows !== follows)
          for (const state of there.filter(({ id }) => numberOfInstance(id) <= replicas)) {
            await stopInstances([state], workload.grace);
            await launcher.start(record, numberOfInstance(state.id), now);
          }
        // Not waited for: the grace may be long, and the keeper has it on record from the first moment.
        if (surplus.length > 0) stopInstances(surplus, workload.grace).catch((cause: unknown) => note(String(cause)));
      });
    },
    stop: async (workload, { grace, epoch: now }) => {
      await accept(now);
      const record = records.get(workload);
      if (record) records.put({ ...record, replicas: 0 });
      await Promise.all([
        // At once also when an `ensure` is under way: its instances are stopped in their turn, below.
        of(workload).then((states) => stopInstances(states, grace)),
        oneOffs.cancel(workload, grace, now),
      ]);
      await inTurn(workload, async () => stopInstances(await of(workload), grace));
    },
    observe: async () => {
      // Of an instance that was taken over it must be known who listens before anybody asks where it can be reached.
      await settled;
      await upkeep.look();
      const states = await list();
      const usage = await call('inspect', {
        ids: states.filter(({ pid }) => pid !== null).map(({ id }) => id),
        listening: false,
      });
      const memory = new Map(usage.instances.map(({ id, memoryBytes }) => [id, memoryBytes]));
      return states.map((state) => observed(state, memory.get(state.id) ?? null));
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    logs: async function* (workload, { tail = 100, follow, run }) {
      if (run !== undefined) {
        const options = { tail, ...(follow === undefined ? {} : { follow }) };
        for await (const text of oneOffs.lines(run, options)) yield { instance: run as InstanceId, text };
        return;
      }
      const record = records.get(workload);
      if (!record) return;
      const matches = (name: string): boolean => /^\d+$/.test(name);
      for await (const { name, text } of readLogs(logFolderOf(folders, record.workload), { tail, follow, matches })) {
        yield { instance: instanceId(workload, Number(name)) as InstanceId, text };
      }
    },
    run: async (command) => {
      await accept(command.epoch);
      return oneOffs.run(command);
    },
    inspectRun: (id) => oneOffs.inspect(id),
    forget: (workload) =>
      inTurn(workload, async () => {
        if ((await of(workload)).length > 0)
          throw new SignalboxError('CONFLICT', `${workload} still runs; stop it before it is forgotten.`);
        await oneOffs.forget(workload, epoch);
        await rm(scratchOf(folders, workload), { recursive: true, force: true });
        const record = records.get(workload);
        if (record) await rm(logFolderOf(folders, record.workload), { recursive: true, force: true });
        records.remove(workload);
      }),
    discard: (workload) =>
      inTurn(workload.id, async () => {
        if ((await of(workload.id)).length > 0)
          throw new SignalboxError('CONFLICT', `${workload.id} still runs; stop it before its data is deleted.`);
        for (const folder of workload.persist)
          await rm(persistentOf(folders, workload, folder), { recursive: true, force: true });
      }),
    notes: () => [...notes],
    close: () => {
      closed = true;
      for (const stop of unsubscribe) stop();
      upkeep.close();
      listeners.clear();
      return Promise.resolve();
    },
  };
}

/** A service that insisted on a port yesterday does so today. */
function siblingPort(workload: Workload, all: readonly WorkloadRecord[]): number | null {
  const same = all.find(
    ({ workload: w, fixedPort }) =>
      fixedPort !== null && w.app === workload.app && w.environment === workload.environment && w.service === workload.service,
  );
  return same?.fixedPort ?? null;
}
