import { join } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import type { LocalAddresses } from './addresses.ts';
import type { AccessoryHost } from './accessories.ts';
import type { DevPlan } from './command.ts';
import type { ServicePlace } from './folder.ts';
import { watchService } from './follow.ts';
import { serveIndex } from './index-server.ts';
import type { DevLog } from './log.ts';
import { type DevPlace, markerOf } from './place.ts';
import { type DevProxy, openDevProxy } from './proxy.ts';
import { releaseBefore } from './release.ts';
import { type RunningService, runService } from './service.ts';
import { runSite } from './site.ts';
import { devTable, poolId } from './table.ts';
import { serveTrouble, type TroubleServer } from './trouble-server.ts';
import { referredBy, startOrder } from './view.ts';
import { openWave } from './wave.ts';
import type { Workplace } from './workplace.ts';

export interface StackService {
  readonly spec: ServiceSpec;
  readonly place: ServicePlace;
  readonly plan: DevPlan;
  readonly workplace: Workplace;
  /** Read anew at each start. @throws VARIABLE_MISSING */
  readonly variables: () => Readonly<Record<string, string>>;
}

export interface StackOptions {
  readonly app: string;
  /** Absolute root of the repository. */
  readonly root: string;
  readonly services: readonly StackService[];
  /** Services of the app that are not started, with their routes. */
  readonly leftOut: readonly ServiceSpec[];
  readonly accessories: AccessoryHost | null;
  readonly place: DevPlace;
  readonly proxy: DevProxy;
  readonly log: DevLog;
  readonly addresses: LocalAddresses;
}

export interface Stack {
  /** Every service serves, or is known not to. */
  readonly settled: Promise<void>;
  /** Services that do not run at this moment. */
  down(): readonly string[];
  /** Ends everything, the last started first; `graceMs` 0: at once. */
  end(graceMs: number): Promise<void>;
}

/** How long requests under way may go on when a service is restarted, ms. */
const drainMs = 500;
/** How long a service waits for those it refers to before it is started anyway, ms. */
const patienceMs = 15_000;
/** From start until a service that does not listen shows its output instead, ms: at most what its health check allows. */
const longestSilenceMs = 30_000;

/** Services with their release-local addresses, in the order of their slots. */
export const linkedServices = (services: readonly ServiceSpec[]): string[] =>
  services.filter(({ kind }) => kind !== 'worker').map(({ name }) => name);

/** Opens the address; requests wait from the first moment on, until something can answer them. */
export async function openStackProxy(options: {
  readonly app: string;
  readonly program: string;
  readonly place: DevPlace;
  readonly port: number;
  readonly others: number;
  readonly services: readonly ServiceSpec[];
  readonly addresses: LocalAddresses;
  readonly certificates?: string;
  readonly log: DevLog;
}): Promise<DevProxy> {
  const { app, place, services, addresses, log } = options;
  const linked = linkedServices(services);
  const proxy = await openDevProxy({
    program: options.program,
    dir: join(place.root, 'proxy'),
    port: options.port,
    others: options.others,
    links: linked.length,
    ...(options.certificates === undefined ? {} : { certificates: options.certificates }),
    marker: markerOf(place, 'proxy'),
    onLine: (line) => log.line('proxy', line),
  });
  const destinations = linked.map((service) => ({ service, port: null, start: 0 }));
  await proxy.commit(devTable({ app, version: firstVersion, routes: addresses.routes, destinations, linked }));
  return proxy;
}

const firstVersion = 1;

/** Starts everything behind one address. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { services, leftOut, place, proxy, log, addresses } = options;
  const all = [...services.map(({ spec }) => spec), ...leftOut];
  const linked = linkedServices(all);
  const running = new Map<string, RunningService>();
  const excuses = new Map<string, TroubleServer>();
  const starts = new Map<string, number>();
  const index = addresses.several ? await serveIndex(options.app, addresses.hosts, proxy.port) : undefined;
  let version = firstVersion;
  let ended = false;

  for (const { name } of all)
    excuses.set(
      name,
      await serveTrouble(
        () => running.get(name)?.trouble() ?? { service: name, what: 'It was left out with --only.', lines: [] },
      ),
    );
  const destinationOf = (name: string): number | null => {
    const standing = running.get(name)?.standing();
    if (standing?.kind === 'serving') return standing.port;
    if (standing?.kind === 'down' || leftOut.some((one) => one.name === name)) return excuses.get(name)?.port ?? null;
    return null;
  };
  const publish = async (): Promise<void> => {
    if (ended) return;
    version += 1;
    const destinations = linked.map((service) => ({ service, port: destinationOf(service), start: starts.get(service) ?? 0 }));
    if (index !== undefined) destinations.push({ service: 'index', port: index.port, start: 0 });
    const routes =
      index === undefined
        ? addresses.routes
        : [...addresses.routes, ...index.hosts.map((host) => ({ host, path: '/', stripPath: false, service: 'index' }))];
    const table = devTable({ app: options.app, version, routes, destinations, linked });
    await proxy.commit(table).catch((cause: unknown) => {
      log.note('dev', `The routes could not be changed: ${cause instanceof Error ? cause.message : String(cause)}`, 'bad');
    });
  };
  await publish();

  const start = async ({ spec, place: at, plan, workplace, variables }: StackService): Promise<RunningService> => {
    const { name } = spec;
    const marker = markerOf(place, name);
    const common = {
      name: name as string,
      workplace,
      cwd: at.folder,
      marker,
      log,
      environment: () => Promise.resolve(variables()),
      onStanding: async () => {
        starts.set(name, (starts.get(name) ?? 0) + 1);
        await publish();
      },
    };
    const release = releaseBefore({
      ...common,
      service: spec,
      root: options.root,
      file: join(place.root, 'released.json'),
      data: options.accessories?.dataId ?? '',
    });
    const [route] = addresses.routes.filter((one) => one.service === name);
    const service =
      plan.kind === 'files'
        ? await runSite({
            ...common,
            plan,
            files: join(at.folder, plan.folder),
            base: route?.path ?? '/',
            stripPath: route?.stripPath ?? false,
          })
        : runService({
            ...common,
            plan,
            listens: spec.kind !== 'worker',
            deadlineMs: Math.min(spec.health.deadline, longestSilenceMs),
            graceMs: spec.grace,
            before: release,
            drain: () => proxy.drain(poolId(name), drainMs),
          });
    running.set(name, service);
    return service;
  };

  const order = startOrder(services.map(({ spec }) => spec));
  const wave = openWave(order, { after: referredBy, patienceMs });
  const watches: { close(): void }[] = [];
  const started = order.map((spec) =>
    wave.turnOf(spec.name).then(async () => {
      const wanted = services.find((one) => one.spec === spec);
      if (wanted === undefined || ended) return;
      const service = await start(wanted);
      if (ended) return service.end(0);
      watches.push(watchService({ service, wanted, others: all, root: options.root, log }));
      await service.settled;
      wave.done(spec.name);
    }),
  );
  const settled = Promise.all(started).then(() => {});
  settled.catch(() => {});
  return {
    settled,
    down: () => [...running.values()].filter((one) => one.standing().kind === 'down').map((one) => one.name),
    end: async (graceMs) => {
      ended = true;
      wave.giveUp();
      for (const watch of watches) watch.close();
      const graceOf = (name: string): number =>
        Math.min(graceMs, services.find(({ spec }) => spec.name === name)?.spec.grace ?? graceMs);
      await Promise.all([...running.values()].map((service) => service.end(graceOf(service.name))));
      for (const excuse of excuses.values()) excuse.close();
      index?.close();
    },
  };
}
