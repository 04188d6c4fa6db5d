import type { EnvironmentState } from '../../../domain/environment-state.ts';
import { SignalboxError } from '../../../domain/errors.ts';
import { type Delivery, type Hook, isOver, rememberedFor, rememberedOfApp } from '../../../domain/forge/delivery.ts';
import type { Release, Workload } from '../../../domain/release.ts';
import { isRunOver, type Run } from '../../../domain/pipeline/run.ts';
import { isTerminal, type Rollout } from '../../../domain/rollout/state.ts';
import { type Epoch, type EnvironmentKey, environmentKey, instant, type ReleaseId } from '../../../domain/values.ts';
import type {
  AppRecord,
  Change,
  DeliveryFilter,
  EventFilter,
  Page,
  Store,
  StoredEvent,
  StoreReads,
} from '../../../ports/store.ts';

/** What outlives one control plane: several stores may be opened on it, one after the other or at once. */
export interface MemoryHome {
  holder: object | null;
  epoch: number;
  clock: number;
  sequence: number;
  tables: Tables;
}

interface Tables {
  readonly apps: ReadonlyMap<string, AppRecord>;
  readonly environments: ReadonlyMap<string, EnvironmentState>;
  readonly releases: ReadonlyMap<string, Release>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly rollouts: ReadonlyMap<string, Rollout>;
  readonly runs: ReadonlyMap<string, Run>;
  readonly events: readonly StoredEvent[];
  readonly hooks: ReadonlyMap<string, Hook>;
  readonly deliveries: ReadonlyMap<string, Delivery>;
}

export const memoryHome = (): MemoryHome => ({
  holder: null,
  epoch: 0,
  clock: 0,
  sequence: 0,
  tables: {
    apps: new Map(),
    environments: new Map(),
    releases: new Map(),
    workloads: new Map(),
    rollouts: new Map(),
    runs: new Map(),
    events: [],
    hooks: new Map(),
    deliveries: new Map(),
  },
});

/** A store for tests of what stands on it: the same refusals as the real one, nothing on disk. */
export function openMemoryStore(home: MemoryHome = memoryHome()): Store {
  const self = {};
  let closed = false;
  const at = (): MemoryHome => {
    if (closed) throw new SignalboxError('INTERNAL', 'The store is closed.');
    return home;
  };
  const owned = (): MemoryHome => {
    if (at().holder !== self) throw new SignalboxError('STALE_EPOCH', 'Nothing is written before the home was acquired.');
    return home;
  };

  const reads: StoreReads = {
    app: async (name) => copy(at().tables.apps.get(name) ?? null),
    apps: async () => copy([...at().tables.apps.values()].sort(by((app) => app.name))),
    environment: async (key) => copy(at().tables.environments.get(key) ?? null),
    environments: async () => copy([...at().tables.environments.values()].sort(by((state) => state.key))),
    release: async (id) => copy(at().tables.releases.get(id) ?? null),
    releases: async (key, page) => copy(releasePage(at().tables, key, page)),
    workloads: async (ids) => copy([...new Set(ids)].flatMap((id) => at().tables.workloads.get(id) ?? [])),
    rollout: async (id) => copy(at().tables.rollouts.get(id) ?? null),
    rollouts: async (filter, page) => copy(rolloutPage(at().tables, filter, page)),
    run: async (id) => copy(at().tables.runs.get(id) ?? null),
    runs: async (filter, page) => copy(runPage(at().tables, filter, page)),
    events: async (filter) => copy(eventPage(at().tables.events, filter)),
    hooks: async () => copy([...at().tables.hooks.values()].sort(by((hook) => hook.app))),
    deliveries: async (filter, page) => copy(deliveryPage(at().tables, filter, page)),
  };

  return {
    ...reads,
    atOnce: reads,
    async acquire() {
      if (at().holder !== null && home.holder !== self) {
        throw new SignalboxError('HOME_IN_USE', 'This home is in use by another control plane.', {
          details: { pid: process.pid },
        });
      }
      home.holder = self;
      home.epoch += 1;
      return { epoch: home.epoch as Epoch, clockBase: instant(home.clock) };
    },
    async commit(change) {
      const { epoch, at: when, ...documents } = change;
      owned();
      if (epoch !== home.epoch) throw new SignalboxError('STALE_EPOCH', `A decision of epoch ${epoch} was refused.`);
      const { tables, sequence } = apply(home, copy(documents), when);
      home.tables = tables;
      home.sequence = sequence;
      home.clock = Math.max(home.clock, when);
    },
    async prune(limits) {
      const { tables } = owned();
      const removed = surplus(tables, limits.releasesPerEnvironment, new Set([...limits.keep, ...named(tables)]));
      home.tables = without(tables, new Set(removed), home.sequence - limits.events);
      return removed;
    },
    async close() {
      closed = true;
      if (home.holder === self) home.holder = null;
    },
  };
}

function apply(home: MemoryHome, change: Omit<Change, 'epoch' | 'at'>, now: number): { tables: Tables; sequence: number } {
  const { tables } = home;
  const apps = new Map(tables.apps);
  const environments = new Map(tables.environments);
  const releases = new Map(tables.releases);
  const workloads = new Map(tables.workloads);
  const rollouts = new Map(tables.rollouts);
  const runs = new Map(tables.runs);
  const events = [...tables.events];
  let { sequence } = home;
  for (const app of change.apps ?? []) {
    if (!apps.has(app.name)) apps.set(app.name, app);
  }
  for (const state of change.environments ?? []) {
    const stored = environments.get(state.key);
    if (state.revision !== (stored === undefined ? 0 : stored.revision + 1)) {
      throw conflict(`Environment ${state.key} has changed in the meantime.`);
    }
    environments.set(state.key, state);
  }
  for (const release of change.releases ?? []) {
    if (releases.has(release.id)) throw conflict(`Release ${release.id} exists already; a release never changes.`);
    releases.set(release.id, release);
    for (const { workload } of release.services) workloads.set(workload.id, workload);
  }
  for (const rollout of change.rollouts ?? []) rollouts.set(rollout.id, rollout);
  for (const run of change.runs ?? []) runs.set(run.id, run);
  for (const event of change.events ?? []) {
    sequence += 1;
    events.push({ ...event, sequence });
  }
  const hooks = new Map(tables.hooks);
  for (const hook of change.hooks ?? []) hooks.set(hook.app, hook);
  for (const app of change.removedHooks ?? []) hooks.delete(app);
  const deliveries = withDeliveries(tables.deliveries, change.deliveries ?? [], now);
  return { tables: { apps, environments, releases, workloads, rollouts, runs, events, hooks, deliveries }, sequence };
}

function withDeliveries(stored: Tables['deliveries'], changed: readonly Delivery[], now: number): Tables['deliveries'] {
  const deliveries = new Map(stored);
  const names = new Map([...stored.values()].map(({ app, name, id }) => [`${app} ${name}`, id]));
  for (const delivery of changed) {
    const { app, name, id } = delivery;
    if ((names.get(`${app} ${name}`) ?? id) !== id) throw conflict(`A delivery ${name} of ${app} is there already.`);
    names.set(`${app} ${name}`, id);
    deliveries.set(id, delivery);
  }
  for (const app of new Set(changed.filter(({ id }) => !stored.has(id)).map((delivery) => delivery.app))) {
    const ofApp = [...deliveries.values()].filter((one) => one.app === app).sort(by(({ id }) => id));
    for (const [index, old] of ofApp.entries()) {
      const past = index < ofApp.length - rememberedOfApp || old.at < now - rememberedFor;
      if (isOver(old) && past) deliveries.delete(old.id);
    }
  }
  return deliveries;
}

function deliveryPage(tables: Tables, filter: DeliveryFilter, page: Page): readonly Delivery[] {
  return [...tables.deliveries.values()]
    .filter((one) => ('open' in filter ? !isOver(one) : one.app === filter.app))
    .filter((one) => !('name' in filter) || one.name === filter.name)
    .filter((one) => !('digest' in filter) || one.digest === filter.digest)
    .filter(({ id }) => page.before === undefined || id < page.before)
    .sort(by(({ id }) => id))
    .reverse()
    .slice(0, checkedLimit(page.limit, 500));
}

function releasePage(tables: Tables, key: EnvironmentKey, page: Page): readonly Release[] {
  const limit = checkedLimit(page.limit, 500);
  const below = page.before === undefined ? Number.POSITIVE_INFINITY : numberIn(key, page.before);
  return [...tables.releases.values()]
    .filter((release) => keyOf(release) === key && release.number < below)
    .sort((a, b) => b.number - a.number)
    .slice(0, limit);
}

function rolloutPage(
  tables: Tables,
  filter: { readonly environment?: EnvironmentKey; readonly active?: boolean },
  page: Page,
): readonly Rollout[] {
  return [...tables.rollouts.values()]
    .filter((rollout) => filter.environment === undefined || rollout.environment === filter.environment)
    .filter((rollout) => filter.active === undefined || isTerminal(rollout.phase) !== filter.active)
    .filter((rollout) => page.before === undefined || rollout.id < page.before)
    .sort(by((rollout) => rollout.id))
    .reverse()
    .slice(0, checkedLimit(page.limit, 500));
}

function runPage(tables: Tables, filter: { readonly app?: string; readonly active?: boolean }, page: Page): readonly Run[] {
  return [...tables.runs.values()]
    .filter((run) => filter.app === undefined || run.app === filter.app)
    .filter((run) => filter.active === undefined || isRunOver(run.phase) !== filter.active)
    .filter((run) => page.before === undefined || run.id < page.before)
    .sort(by((run) => run.id))
    .reverse()
    .slice(0, checkedLimit(page.limit, 500));
}

function eventPage(events: readonly StoredEvent[], filter: EventFilter): readonly StoredEvent[] {
  const limit = checkedLimit(filter.limit, 10_000);
  const matching = events.filter(
    (event) =>
      event.sequence > (filter.after ?? 0) &&
      (filter.app === undefined || event.app === filter.app) &&
      (filter.environment === undefined || event.environment === filter.environment) &&
      (filter.rollout === undefined || event.rollout === filter.rollout),
  );
  return filter.newest === true ? matching.slice(-limit) : matching.slice(0, limit);
}

function surplus(tables: Tables, perEnvironment: number, kept: ReadonlySet<string>): readonly ReleaseId[] {
  const environments = new Set([...tables.releases.values()].map(keyOf));
  return [...environments].sort().flatMap((key) =>
    [...tables.releases.values()]
      .filter((release) => keyOf(release) === key)
      .sort((a, b) => b.number - a.number)
      .slice(perEnvironment)
      .reverse()
      .flatMap((release) => (kept.has(release.id) ? [] : release.id)),
  );
}

/** Releases that environments and active rollouts mention, wherever in the document: as a value or as a key. */
function named(tables: Tables): readonly string[] {
  const active = [...tables.rollouts.values()].filter((rollout) => !isTerminal(rollout.phase));
  return [...tables.environments.values(), ...active].flatMap(wordsOf);
}

function wordsOf(node: unknown): readonly string[] {
  if (typeof node === 'string') return [node];
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => [key, ...wordsOf(value)]);
}

function without(tables: Tables, removed: ReadonlySet<ReleaseId>, lastEvent: number): Tables {
  const releases = new Map([...tables.releases].filter(([, release]) => !removed.has(release.id)));
  const rollouts = new Map([...tables.rollouts].filter(([, rollout]) => !removed.has(rollout.release)));
  const used = new Set([...releases.values()].flatMap((release) => release.services.map(({ workload }) => workload.id)));
  return {
    ...tables,
    releases,
    rollouts,
    workloads: new Map([...tables.workloads].filter(([, workload]) => used.has(workload.id))),
    events: tables.events.filter(
      (event) =>
        event.sequence > lastEvent &&
        (event.rollout === undefined || rollouts.has(event.rollout) || !tables.rollouts.has(event.rollout)),
    ),
  };
}

const keyOf = (release: Release): EnvironmentKey => environmentKey(release.app, release.environment);

function numberIn(key: EnvironmentKey, id: string): number {
  const number = id.startsWith(`${key}/v`) ? Number(id.slice(key.length + 2)) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new SignalboxError('BAD_REQUEST', `"${id}" is not a release of ${key}.`);
  return number;
}

function checkedLimit(limit: number, most: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new SignalboxError('BAD_REQUEST', `A page has 1 to ${most} rows, not ${limit}.`);
}

const by =
  <Row>(key: (row: Row) => string) =>
  (a: Row, b: Row): number => {
    const [left, right] = [key(a), key(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  };

/** As the real one does it: what is handed over and what is handed out are documents, never the caller's objects. */
const copy = <Document>(document: Document): Document => JSON.parse(JSON.stringify(document)) as Document;

const conflict = (message: string): SignalboxError =>
  new SignalboxError('CONFLICT', `${message} Nothing of this change was written.`);
