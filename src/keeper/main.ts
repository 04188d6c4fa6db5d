import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Handlers, serveWire, WireError } from '../wire/server.ts';
import { openBystander } from './children.ts';
import { openEpoch } from './epoch.ts';
import type { InstanceRecord } from './instance.ts';
import { openInstances } from './instances.ts';
import { openCages, openMemoryWatch } from './limits.ts';
import { openListeners } from './listeners.ts';
import { takeLock } from './lock.ts';
import { openOutputBounds } from './output.ts';
import { bootId } from './processes.ts';
import type { InheritedListener, KeeperConfig, KeeperEvents, KeeperMethods } from './protocol.ts';
import { openRuns, type RunRecord } from './runs.ts';
import { noSealing, openSealing } from './sealing.ts';
import { openRecords } from './state.ts';
import { usageOf } from './usage.ts';
import { openWorkers } from './workers.ts';

const report = (message: string): void => void process.stderr.write(`${new Date().toISOString()} ${message}\n`);

async function main(config: KeeperConfig, inherited: readonly InheritedListener[]): Promise<void> {
  const { dir, socket, homeId, version } = config;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!(await takeLock(dir))) return;
  writeFileSync(join(dir, 'keeper.pid'), `${process.pid}\n`);

  const sealing = config.recordKey === undefined ? noSealing : openSealing(config.recordKey);
  const epoch = openEpoch(join(dir, 'epoch'));
  const bystander = openBystander();
  const memory = openMemoryWatch();
  const cages = openCages(homeId);
  const bounds = openOutputBounds((file, cause) => report(`${file} could not be rotated: ${String(cause)}`));
  const listeners = openListeners(join(dir, 'listeners.json'), inherited);
  let publish: (event: 'instance' | 'run' | 'worker', body: never) => void = () => {};
  const shared = { homeId, bystander, bounds, cages, memory, report };
  const runs = openRuns({
    ...shared,
    folder: join(dir, 'runs'),
    records: openRecords<RunRecord>(join(dir, 'runs'), sealing),
    publish: (state) => publish('run', state as never),
  });
  const instances = openInstances(
    {
      ...shared,
      records: openRecords<InstanceRecord>(join(dir, 'instances'), sealing),
      publish: (state) => publish('instance', state as never),
    },
    (id) => runs.has(id),
  );
  const workers = openWorkers({
    ...shared,
    file: join(dir, 'workers.json'),
    listeners: () => listeners.held(),
    publish: (state) => publish('worker', state as never),
  });

  const stop = async (what: { readonly workers: boolean; readonly instances: boolean }): Promise<void> => {
    await Promise.all([what.workers ? workers.end(10_000) : null, what.instances ? instances.stopAll(10_000) : null]);
    if (what.instances) await Promise.all(runs.list().map(({ id }) => runs.end(id, 10_000, 'cancelled')));
    workers.close();
    instances.close();
    setImmediate(() => process.exit(0));
  };
  const handlers: Handlers<KeeperMethods> = {
    hello: (params) => {
      epoch.check(params.epoch);
      return { pid: process.pid, bootId: bootId(), version, epoch: epoch.current() };
    },
    listen: (params) => {
      epoch.check(params.epoch);
      return { listeners: listeners.declare(params.listeners) };
    },
    workers: async (params) => {
      epoch.check(params.epoch);
      return { workers: await workers.declare(params.workers) };
    },
    'replace-worker': async (params) => {
      epoch.check(params.epoch);
      return { workers: await workers.replace(params.name, params.graceMs) };
    },
    start: (params) => {
      epoch.check(params.epoch);
      return instances.start(params.spec).catch(refuse);
    },
    stop: async (params) => {
      epoch.check(params.epoch);
      return { exit: await instances.stop(params.id, params.graceMs) };
    },
    run: (params) => {
      epoch.check(params.epoch);
      return runs.run(params.spec).catch(refuse);
    },
    'end-run': (params) => {
      epoch.check(params.epoch);
      return runs.end(params.id, params.graceMs, params.reason);
    },
    'forget-run': (params) => {
      epoch.check(params.epoch);
      runs.forget(params.id);
      return null;
    },
    list: () => ({ instances: instances.list(), runs: runs.list(), workers: workers.list() }),
    inspect: async ({ ids, listening }) => {
      const pids = new Map(instances.list().map(({ id, pid }) => [id, pid]));
      const targets = ids.map((id) => ({ id, pid: pids.get(id) ?? null }));
      return { instances: await usageOf(homeId, targets, listening) };
    },
    shutdown: async (params) => {
      epoch.check(params.epoch);
      await stop({ workers: true, instances: params.all });
      return null;
    },
  };

  workers.adopt();
  runs.adopt();
  await instances.adopt();
  const server = await serveWire<KeeperMethods, KeeperEvents>(socket, handlers);
  publish = (event, body) => server.publish(event, body);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  process.on('SIGTERM', () => void stop({ workers: false, instances: false }));
}

/** A full disk stops what is new, with its reason; what runs is not touched. */
function refuse(cause: unknown): never {
  if (cause instanceof WireError) throw cause;
  throw new WireError(
    'KEEPER_STATE',
    `The keeper could not write it down, so nothing was started: ${cause instanceof Error ? cause.message : String(cause)}`,
  );
}

const [config = '{}', inherited = '[]'] = process.argv.slice(2);
await main(JSON.parse(config) as KeeperConfig, JSON.parse(inherited) as InheritedListener[]);
