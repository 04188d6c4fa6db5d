import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../../../../engine/client.ts';
import { isUnavailable } from '../../../../engine/errors.ts';
import { followEvents } from '../../../../engine/events.ts';
import { openEpoch } from '../../../../keeper/epoch.ts';
import { takeLock } from '../../../../keeper/lock.ts';
import { noSealing, openSealing } from '../../../../keeper/sealing.ts';
import { openRecords } from '../../../../keeper/state.ts';
import { type Handlers, serveWire, WireError } from '../../../../wire/server.ts';
import { type InstanceSpec, type WardenConfig, type WardenEvents, type WardenMethods, wardenRevision } from '../protocol.ts';
import { type Absence, wasTold } from './absence.ts';
import { openContainers } from './containers.ts';
import { type Instance, type InstanceContext, type InstanceRecord, openInstance, refusalOf } from './instance.ts';
import { type Link, openLinks } from './links.ts';
import { openMaking } from './making.ts';
import { openMemory } from './memory.ts';
import { openNetworks } from './networks.ts';
import { whyAway } from './presence.ts';
import { openRuns, type RunRecord } from './runs.ts';
import { sweepContainers, sweepVolumes } from './sweep.ts';

const report = (message: string): void => void process.stderr.write(`${new Date().toISOString()} ${message}\n`);
/** Everything is compared with what the engine says this often, in case an event was lost. */
const compareMs = 15_000;
/** Containers of ours that nobody has on record are left this long to a control plane that may know them. */
const strayMs = 120_000;
const allGraceMs = 10_000;

async function main(config: WardenConfig): Promise<void> {
  const { dir, socket, engineSocket, homeId } = config;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!(await takeLock(dir))) throw new Error('Another warden has this folder.');
  const epoch = openEpoch(join(dir, 'epoch'));
  const engine = openEngine(engineSocket);
  const containers = openContainers(engine, homeId);
  const networks = openNetworks(engine, homeId, dir);
  const making = openMaking({ engine, homeId, containers, networks });
  const links = openLinks(report);
  const memory = openMemory(engine);
  const sealing = config.recordKey === undefined ? noSealing : openSealing(config.recordKey);
  const instanceStore = openRecords<InstanceRecord>(join(dir, 'instances'), sealing);
  const runStore = openRecords<RunRecord>(join(dir, 'runs'), sealing);
  const instances = new Map<string, Instance>();
  const startedAt = Date.now();
  let trouble: string | null = 'The engine was not asked yet.';
  let absence: Absence | null = null;
  let watchedFrom = Number.POSITIVE_INFINITY;
  const unseen = async (container: string, finishedAt: number | null): Promise<boolean> =>
    finishedAt !== null && finishedAt < watchedFrom && !(await wasTold(engine, container, finishedAt));
  let publish: (event: 'instance' | 'run', body: never) => void = () => {};

  const declareLinks = (): void => {
    const all = [...instances.values()].map(({ record }) => record);
    const wanted = [...all, ...runs.records().filter(({ state }) => state.state === 'running')].flatMap(
      ({ spec, address }): Link[] => {
        const gateway = networks.known(spec.network)?.gateway;
        return gateway === undefined || address === null ? [] : spec.links.map((port) => ({ gateway, port, caller: address }));
      },
    );
    links.declare(wanted);
  };
  const runs = openRuns({
    engine,
    containers,
    making,
    store: runStore,
    publish: (state) => publish('run', state as never),
    onMoved: () => declareLinks(),
    absence: () => absence,
    unseen,
    report,
  });
  const context: InstanceContext = {
    engine,
    containers,
    making,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    absence: () => absence,
    unseen,
    save: (record, desired) => instanceStore.write(record.spec.id, record, !desired),
    forget: (id) => {
      instances.delete(id);
      instanceStore.remove(id);
    },
    publish: (state) => publish('instance', state as never),
    onMoved: declareLinks,
    report,
  };

  const compareAll = async (): Promise<void> => {
    const jobs = [...[...instances.values()].map((instance) => instance.sync()), runs.sync()];
    for (const result of await Promise.allSettled(jobs)) if (result.status === 'rejected') complain(result.reason);
  };
  const complain = (cause: unknown): void => {
    if (!isUnavailable(cause)) report(cause instanceof Error ? cause.message : String(cause));
  };
  const known = (): Set<string> =>
    new Set([...[...instances.values()].map(({ record }) => record.spec.name), ...runs.records().map(({ spec }) => spec.name)]);
  const sweep = (): Promise<void> =>
    sweepContainers(engine, {
      homeId,
      known,
      strays: Date.now() - startedAt > strayMs,
      remove: (id) => containers.remove(id),
      report,
    });

  const adopt = (): void => {
    const unreadable = (file: string, cause: unknown): void => report(`${file} is unreadable: ${String(cause)}`);
    for (const record of instanceStore.all(unreadable)) {
      making.hold(record.spec, record.address);
      instances.set(record.spec.id, openInstance(record, context));
    }
    runs.adopt(runStore.all(unreadable));
    declareLinks();
  };

  const start = async (spec: InstanceSpec): Promise<WardenMethods['start']['result']> => {
    const there = instances.get(spec.id);
    if (there) return there.state();
    const record: InstanceRecord = {
      spec,
      container: null,
      address: null,
      startedAt: null,
      heard: false,
      restarts: 0,
      quickEnds: 0,
      lastExit: null,
      stopping: null,
      bootId: context.bootId,
    };
    context.save(record, true);
    const instance = openInstance(record, context);
    instances.set(spec.id, instance);
    try {
      await instance.start();
    } catch (cause) {
      instance.close();
      context.forget(spec.id);
      making.release(spec.id);
      throw refusalOf(cause);
    }
    return instance.state();
  };
  const close = (): void => {
    following.abort();
    for (const instance of instances.values()) instance.close();
    runs.close();
    links.close();
  };

  const handlers: Handlers<WardenMethods> = {
    hello: (params) => {
      epoch.check(params.epoch);
      return { pid: process.pid, revision: wardenRevision, epoch: epoch.current() };
    },
    start: async (params) => {
      epoch.check(params.epoch);
      return start(params.spec);
    },
    stop: async (params) => {
      epoch.check(params.epoch);
      await instances.get(params.id)?.stop(params.graceMs);
      return null;
    },
    run: async (params) => {
      epoch.check(params.epoch);
      return runs.run(params.spec).catch((cause: unknown) => {
        throw refusalOf(cause);
      });
    },
    'end-run': async (params) => {
      epoch.check(params.epoch);
      return runs.end(params.id, params.graceMs, params.reason);
    },
    'forget-runs': (params) => {
      epoch.check(params.epoch);
      runs.forget(params.workload);
      return null;
    },
    tidy: async (params) => {
      epoch.check(params.epoch);
      const users = [...[...instances.values()].map(({ record }) => record.spec), ...runs.records().map(({ spec }) => spec)];
      if (users.some(({ network }) => network === params.network)) return null;
      await networks.remove(params.network).catch(complain);
      await sweepVolumes(engine, homeId).catch(complain);
      return null;
    },
    list: async () => {
      for (const instance of instances.values()) instance.look();
      // An engine that has just ended may not have been missed yet, and one that is back has not been compared yet.
      const away = (await whyAway(engine, { homeId, instances: () => [...instances.values()] })) ?? trouble;
      return { trouble: away, instances: [...instances.values()].map((instance) => instance.state()), runs: runs.list() };
    },
    memory: async () => {
      const running = [...instances.entries()].flatMap(([id, instance]) => {
        const container = instance.container();
        return container === null ? [] : { id, container };
      });
      return { memory: await memory.of(running) };
    },
    shutdown: async (params) => {
      epoch.check(params.epoch);
      if (params.all) {
        const open = runs.list().filter(({ state }) => state === 'running');
        await Promise.all([
          ...[...instances.values()].map((instance) => instance.stop(allGraceMs)),
          ...open.map(({ id }) => runs.end(id, allGraceMs, 'cancelled')),
        ]);
        await sweep().catch(complain);
        await networks.removeAll().catch(complain);
        await sweepVolumes(engine, homeId).catch(complain);
      }
      close();
      setImmediate(() => process.exit(0));
      return null;
    },
  };

  adopt();
  const following = new AbortController();
  const opened = new Promise<void>((resolve) => {
    void followEvents(engine, {
      filters: { type: ['container'], label: [`signalbox.installation=${homeId}`] },
      signal: following.signal,
      onOpen: () => {
        if (absence?.until === Infinity) absence = { ...absence, until: Date.now() };
        watchedFrom = Math.min(watchedFrom, Date.now());
        const since = absence;
        // What is told from here on is what the engine says now.
        void compareAll()
          .then(() => {
            if (absence === since) trouble = null;
            return sweep();
          })
          .catch(complain)
          .finally(() => resolve());
      },
      onLost: (cause) => {
        trouble = cause instanceof Error ? cause.message : String(cause);
        absence = { from: Date.now(), until: Infinity };
        report(trouble);
        resolve();
      },
      onEvent: ({ Action, Actor }) => {
        if (Action !== 'die' && Action !== 'destroy' && Action !== 'start') return;
        const { 'signalbox.instance': instance, 'signalbox.run': run } = Actor.Attributes;
        if (instance !== undefined && instances.get(instance)?.record.container === Actor.ID)
          instances.get(instance)?.sync().catch(complain);
        if (run !== undefined && Action === 'die') void runs.sync().catch(complain);
      },
    });
  });
  setInterval(() => {
    if (trouble === null) void compareAll().then(sweep).catch(complain);
  }, compareMs);
  // Who connects finds what runs.
  await opened;
  const server = await serveWire<WardenMethods, WardenEvents>(socket, handlers);
  publish = (event, body) => server.publish(event, body);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  process.on('SIGTERM', () => {
    close();
    process.exit(0);
  });
}

process.on('unhandledRejection', (cause) => report(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)));

const [config] = process.argv.slice(2);
if (config === undefined) throw new WireError('WRONG_USAGE', 'The warden is started by the keeper.');
await main(JSON.parse(config) as WardenConfig);
