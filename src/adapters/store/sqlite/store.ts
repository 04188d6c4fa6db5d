import type { EnvironmentState } from '../../../domain/environment-state.ts';
import type { Delivery, Hook } from '../../../domain/forge/delivery.ts';
import type { Release, Workload } from '../../../domain/release.ts';
import type { Run } from '../../../domain/pipeline/run.ts';
import type { Rollout } from '../../../domain/rollout/state.ts';
import { type Epoch, instant, type ReleaseId } from '../../../domain/values.ts';
import type { AppRecord, Store, StoreReads } from '../../../ports/store.ts';
import type { Query, Row } from './calls.ts';
import { Channel } from './channel.ts';
import { decode, decodeEvent, encodeChange } from './encode.ts';
import {
  allApps,
  allEnvironments,
  allHooks,
  deliveryPage,
  eventPage,
  oneApp,
  oneEnvironment,
  oneRelease,
  oneRollout,
  oneRun,
  oneWorkload,
  releasePage,
  rolloutPage,
  runPage,
} from './queries.ts';

export interface SqliteStoreOptions {
  /** The database; its log, index and reserve lie beside it. Created (0600) when absent; its folder must exist. */
  readonly file: string;
  /** The installation's lock; `<lockFile>.pid` names the holder. Only this adapter may ever open it. */
  readonly lockFile: string;
  /** The compiled program of the store's thread: `dist/adapters/store/sqlite/worker.js`. */
  readonly workerFile: string | URL;
  /** Milliseconds until a call is rejected with STORE_STALLED. Default 10,000. The call itself is not stopped. */
  readonly stallAfter?: number;
  /** Milliseconds for `openSqliteStore` and `acquire`, which may replay a long log or migrate. Default 60,000. */
  readonly openWithin?: number;
  /** Milliseconds to wait for another process's write transaction. Default 5,000. */
  readonly busyTimeout?: number;
  /** Bytes put aside for decisions on a full disk. Default 4 MiB; 0 for none. */
  readonly reserve?: number;
}

/**
 * SQLite in a thread of its own: WAL, every commit flushed to the disk before its promise resolves. Opening changes nothing but
 * an absent file; `acquire` takes the lock, migrates and makes the reserve.
 * @throws STORE_CORRUPT, STORE_NEWER, STORE_UNREACHABLE, STORE_FULL, STORE_STALLED.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const openWithin = options.openWithin ?? 60_000;
  const channel = new Channel({
    workerFile: options.workerFile,
    stallAfter: options.stallAfter ?? 10_000,
    worker: {
      file: options.file,
      lockFile: options.lockFile,
      pid: process.pid,
      busyTimeout: options.busyTimeout ?? 5000,
      reserve: options.reserve ?? 4 * 1024 * 1024,
    },
  });
  try {
    await channel.call('open', null, openWithin);
  } catch (error) {
    await channel.close();
    throw error;
  }
  return storeOver(channel, openWithin);
}

function storeOver(channel: Channel, openWithin: number): Store {
  return {
    ...readsOver((queries) => channel.call('rows', queries)),
    atOnce: readsOver((queries) => channel.readAside(queries)),
    async acquire() {
      const { epoch, clock } = await channel.call('acquire', null, openWithin);
      return { epoch: epoch as Epoch, clockBase: instant(clock) };
    },
    async commit(change) {
      await channel.call('commit', encodeChange(change));
    },
    async prune(limits) {
      const removed: ReleaseId[] = [];
      for (let more = true; more; ) {
        const part = await channel.call('pruneReleases', { perEnvironment: limits.releasesPerEnvironment, keep: limits.keep });
        removed.push(...(part.removed as readonly ReleaseId[]));
        more = part.more;
      }
      for (let more = true; more; ) more = (await channel.call('pruneEvents', { events: limits.events })).more;
      return removed;
    },
    close: () => channel.close(),
  };
}

function readsOver(read: (queries: readonly Query[]) => Promise<readonly Row[]>): StoreReads {
  const many = async <Document>(...queries: readonly Query[]): Promise<readonly Document[]> =>
    (await read(queries)).map((row) => decode(row) as Document);
  const one = async <Document>(query: Query): Promise<Document | null> => (await many<Document>(query))[0] ?? null;

  return {
    app: (name) => one<AppRecord>(oneApp(name)),
    apps: () => many<AppRecord>(allApps),
    environment: (key) => one<EnvironmentState>(oneEnvironment(key)),
    environments: () => many<EnvironmentState>(allEnvironments),
    release: (id) => one<Release>(oneRelease(id)),
    releases: async (key, page) => many<Release>(releasePage(key, page)),
    workloads: async (ids) => (ids.length === 0 ? [] : many<Workload>(...[...new Set(ids)].map(oneWorkload))),
    rollout: (id) => one<Rollout>(oneRollout(id)),
    rollouts: async (filter, page) => many<Rollout>(rolloutPage(filter, page)),
    run: (id) => one<Run>(oneRun(id)),
    runs: async (filter, page) => many<Run>(runPage(filter, page)),
    async events(filter) {
      const events = (await read([eventPage(filter)])).map(decodeEvent);
      return filter.newest === true ? events.reverse() : events;
    },
    hooks: () => many<Hook>(allHooks),
    deliveries: async (filter, page) => many<Delivery>(deliveryPage(filter, page)),
  };
}
