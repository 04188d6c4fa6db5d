import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Workload } from '../../../domain/release.ts';
import type { Epoch, InstanceId } from '../../../domain/values.ts';
import { openEngine } from '../../../engine/client.ts';
import type { KeeperClient } from '../../../keeper/client.ts';
import { openRecords } from '../../../keeper/state.ts';
import type { InstanceObservation, Runtime } from '../../../ports/runtime.ts';
import { turns } from '../../../wire/turns.ts';
import type { FetchImage } from './images.ts';
import { followLines, formerInstances, type LogSource, newestLines, outputOf } from './logs.ts';
import {
  type DockerFolders,
  instanceId,
  logFolderOf,
  networkName,
  numberOfInstance,
  prefixOf,
  runId,
  workloadOfInstance,
} from './names.ts';
import { observationOf } from './observation.ts';
import { openOneOffs } from './one-offs.ts';
import type { ContainerState, InstanceSpec, WardenConfig } from './protocol.ts';
import { lastingRoot, openSpecs } from './specs.ts';
import { openWardenClient } from './warden-client.ts';

export interface DockerRuntimeOptions {
  /** Starts the warden, and again when it dies. */
  readonly keeper: Pick<KeeperClient, 'call'>;
  readonly homeId: string;
  /** Of the control plane that opens it. */
  readonly epoch: Epoch;
  /** Socket of the Docker engine. */
  readonly engineSocket: string;
  readonly folders: DockerFolders;
  /** File of the key that the warden's records are sealed with. Undefined: they lie open, for their owner alone. */
  readonly recordKey?: string;
  /** The compiled warden, dist/adapters/runtime/docker/warden/main.js. */
  readonly program: string;
  /** Base URLs of the data plane's release-local addresses, on this machine's loopback: containers reach them elsewhere. */
  readonly links: () => Promise<readonly string[]>;
  /** Asked when the engine has no image of a build key; undefined: then it is gone. */
  readonly fetchImage?: FetchImage;
}

export interface DockerRuntime extends Runtime {
  /** Ends every container of this installation, and the warden. For good: what was declared is forgotten. */
  endAll(epoch: Epoch): Promise<void>;
}

interface WorkloadRecord {
  readonly id: string;
  readonly app: string;
  readonly environment: string;
}

/** A firewall that another program changes at the same moment, as a second engine does when it starts: no fault of any release. */
const isEnginesOwn = (why: string): boolean => /failed to setup ip tables|iptables failed/i.test(why);

const wardenId = 'signalbox-warden';
const wardenBackoff = { minMs: 100, maxMs: 2000, stableMs: 5000 };
const wardenLogBytes = 10 * 1024 * 1024;
/** It holds little and lives long: memory is worth more to it than speed. */
const wardenNodeArgs = ['--max-semi-space-size=1', '--max-old-space-size=128'];
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs workloads as containers of a Docker engine on this machine. Nothing is asked of the engine before it is needed: an engine that is
 * away is ENGINE_UNAVAILABLE, and what was declared goes on being so.
 */
export function openDockerRuntime(options: DockerRuntimeOptions): DockerRuntime {
  const { keeper, homeId, engineSocket, folders, program, links } = options;
  const engine = openEngine(engineSocket);
  const records = openRecords<WorkloadRecord>(join(folders.warden, 'workloads'));
  const known = new Map(records.all(() => {}).map((record) => [record.id, record]));
  const listeners = new Set<(instance: InstanceObservation) => void>();
  const inTurn = turns();
  let epoch: number = options.epoch;
  const config: WardenConfig = {
    dir: folders.warden,
    socket: folders.socket,
    engineSocket,
    homeId,
    ...(options.recordKey === undefined ? {} : { recordKey: options.recordKey }),
  };
  const warden = openWardenClient({
    keeper,
    socket: folders.socket,
    epoch: () => epoch,
    spec: {
      id: wardenId,
      argv: [process.execPath, ...wardenNodeArgs, program, JSON.stringify(config)],
      cwd: '/',
      env: { PATH: path },
      logFile: join(folders.logs, 'warden.log'),
      logBytes: wardenLogBytes,
      limits: {},
      backoff: wardenBackoff,
      labels: { program: wardenId },
    },
  });

  const accept = async (now: Epoch): Promise<void> => {
    await warden.call('hello', { epoch: now });
    epoch = Math.max(epoch, now);
  };
  const all = async (): Promise<readonly ContainerState[]> => {
    const { trouble, instances } = await warden.call('list', {});
    if (trouble !== null) throw new SignalboxError('ENGINE_UNAVAILABLE', trouble);
    return instances;
  };
  const of = async (workload: string): Promise<ContainerState[]> =>
    (await warden.call('list', {})).instances.filter(({ id }) => workloadOfInstance(id) === workload);
  const specs = openSpecs({ engine, homeId, folders, links, ...(options.fetchImage && { fetchImage: options.fetchImage }) });
  const oneOffs = openOneOffs({
    warden,
    specOf: (command) => {
      remember(command.workload);
      return specs.run(command);
    },
  });

  const remember = ({ id, app, environment }: Workload): void => {
    if (known.has(id)) return;
    const record = { id, app, environment };
    records.write(id, record, true);
    known.set(id, record);
  };
  const tell = (state: ContainerState): void => {
    const observation = observationOf(state, null);
    for (const listener of listeners) listener(observation);
  };
  const unsubscribe = [
    warden.on('instance', tell),
    warden.onReconnect(() => {
      all().then(
        (states) => states.forEach(tell),
        () => {}, // Nothing can be said now; `observe` says so.
      );
    }),
  ];
  const stopInstances = async (states: readonly ContainerState[], graceMs: number): Promise<void> => {
    await Promise.all(states.map(({ id }) => warden.call('stop', { epoch, id, graceMs })));
  };
  const startAll = async (specs: readonly InstanceSpec[], workload: Workload): Promise<void> => {
    const started = await Promise.allSettled(
      specs.map(async (spec) => {
        const state = await warden.call('start', { epoch, spec });
        if (state.state !== 'backing-off' || state.lastExit?.reason !== 'start-failed') return;
        const why = state.lastExit.message ?? 'no reason was given';
        const code = isEnginesOwn(why) ? 'ENGINE_UNAVAILABLE' : 'START_FAILED';
        throw new SignalboxError(code, `${workload.app}/${workload.service} could not be started: ${why}`);
      }),
    );
    const failed = started.find((result) => result.status === 'rejected');
    if (!failed) return;
    const begun = (await of(workload.id)).filter(({ id }) => specs.some((spec) => spec.id === id));
    await stopInstances(begun, 0);
    throw failed.reason;
  };

  return {
    ensure: async (workload, { replicas, env, epoch: now }) => {
      await accept(now);
      if (workload.kind === 'static') return;
      const make = await specs.instances(workload, env);
      await inTurn(workload.id, async () => {
        remember(workload);
        for (const { id, state } of await of(workload.id)) {
          if (state === 'stopping') await warden.call('stop', { epoch: now, id, graceMs: workload.grace });
        }
        const there = await of(workload.id);
        const surplus = there.filter(({ id }) => numberOfInstance(id) > replicas);
        const missing = Array.from({ length: replicas }, (_, n) => n + 1).filter(
          (n) => !there.some(({ id }) => id === instanceId(workload.id, n)),
        );
        await startAll(missing.map(make), workload);
        // Not waited for: the grace may be long, and the warden has it on record from the first moment.
        if (surplus.length > 0) stopInstances(surplus, workload.grace).catch(() => {});
      });
    },
    stop: async (workload, { grace, epoch: now }) => {
      await accept(now);
      await Promise.all([
        // At once also when an `ensure` is under way: its instances are stopped in their turn, below.
        of(workload).then((states) => stopInstances(states, grace)),
        oneOffs.cancel(workload, grace, now),
      ]);
      await inTurn(workload, async () => stopInstances(await of(workload), grace));
    },
    observe: async () => {
      const states = await all();
      const { memory } = await warden.call('memory', {});
      return states.map((state) => observationOf(state, memory[state.id] ?? null));
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    logs: async function* (workload, { tail = 100, follow, run }) {
      if (run !== undefined) {
        const container = `${prefixOf(homeId)}${runId(run)}`;
        for await (const text of outputOf(engine, { container, until: follow ?? AbortSignal.abort() }))
          yield { instance: run as InstanceId, text };
        return;
      }
      const record = known.get(workload);
      if (!record) return;
      const folder = logFolderOf(folders.logs, record);
      const sources = async (): Promise<LogSource[]> =>
        (await of(workload)).map(({ id, container }) => ({
          instance: id,
          container,
          file: join(folder, `${numberOfInstance(id)}.log`),
        }));
      const present = await sources();
      const first = present.length > 0 ? present : formerInstances(folder, workload);
      const each = tail === 0 ? 0 : Math.max(1, Math.ceil(tail / Math.max(1, first.length)));
      const lots = await Promise.all(first.map((source) => newestLines(engine, source, each).catch(() => [])));
      const newest = new Map<string, string>();
      for (const [index, lot] of lots.entries()) {
        const container = first[index]?.container;
        const last = lot.at(-1)?.at;
        if (container && last) newest.set(container, last);
      }
      for (const { instance, text } of lots.flat().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)))
        yield { instance: instance as InstanceId, text };
      if (!follow) return;
      for await (const { instance, text } of followLines(engine, { sources, seen: newest, signal: follow }))
        yield { instance: instance as InstanceId, text };
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
        await warden.call('forget-runs', { epoch, workload });
        const record = known.get(workload);
        if (!record) return;
        await warden.call('tidy', { epoch, network: networkName(homeId, record) });
        await rm(logFolderOf(folders.logs, record), { recursive: true, force: true });
        records.remove(workload);
        known.delete(workload);
      }),
    discard: (workload) =>
      inTurn(workload.id, async () => {
        if ((await of(workload.id)).length > 0)
          throw new SignalboxError('CONFLICT', `${workload.id} still runs; stop it before its data is deleted.`);
        await rm(lastingRoot(folders.persist, workload), { recursive: true, force: true });
      }),
    endAll: async (now) => {
      await accept(now);
      await warden.endAll();
    },
    close: async () => {
      for (const stop of unsubscribe) stop();
      listeners.clear();
      warden.close();
      await engine.close();
    },
  };
}
