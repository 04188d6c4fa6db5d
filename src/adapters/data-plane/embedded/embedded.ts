import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, SignalboxError } from '../../../domain/errors.ts';
import type { Pool, RouteTable } from '../../../domain/route-table.ts';
import type { Epoch, Millis, ReleaseId, WorkloadId } from '../../../domain/values.ts';
import type { HeldListener, KeeperEvents, KeeperMethods, WorkerSpec } from '../../../keeper/protocol.ts';
import type { CandidateAddress, CommitReceipt, DataPlane, DataPlaneStatus, TrafficStats } from '../../../ports/data-plane.ts';
import type { CertificateReport, DrainResult, ProxyLimits } from '../../../proxy/protocol.ts';
import type { WireClient } from '../../../wire/client.ts';
import { acknowledgeMs, deliver, deliverToRetiring, handOver, replacementMs } from './delivery.ts';
import { Edition } from './edition.ts';
import { type HttpsOptions, mergedReport, openHttpsListener } from './https.ts';
import { isRefusal, mapped } from './faults.ts';
import { MergedCounts } from './merged-counts.ts';
import { TableStore } from './table-store.ts';
import { type Live, WorkerLink } from './worker-link.ts';

const statsEveryMs = 250;

export interface EmbeddedOptions {
  /** One that reconnects by itself (keeper/client.ts). */
  readonly keeper: Pick<WireClient<KeeperMethods, KeeperEvents>, 'call'>;
  readonly epoch: Epoch;
  /** Folder of the table and the control sockets; the keeper looks for workers there. */
  readonly dir: string;
  /** The compiled worker, dist/proxy/main.js. */
  readonly program: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Where HTTPS is served, and the folder of its certificates. Default: nowhere. */
  readonly https?: HttpsOptions;
  /** Of the product: workers of another version are exchanged. */
  readonly version?: string;
  /** Worker processes. Default 1. */
  readonly workers?: number;
  /** Release-local listeners. Default 32. */
  readonly links?: number;
  readonly trustedProxies?: readonly string[];
  /** Where they differ from the defaults in proxy/limits.ts. */
  readonly limits?: Partial<ProxyLimits>;
  /** Default: none. */
  readonly nodeArgs?: readonly string[];
  /** Default `<dir>/<worker>.log`. */
  readonly logDir?: string;
}

export interface EmbeddedDataPlane extends DataPlane {
  /** The certificates that are served, and what in their folder is not; `again`: after a fresh look at it. */
  certificates(again: boolean): Promise<CertificateReport>;
  /** Exchanges the workers one by one for new processes on the same listeners, e.g. after an upgrade; loses no request. */
  replaceWorkers(grace: Millis): Promise<void>;
}

/**
 * Starts, or finds, the proxy workers and takes the say over them.
 * @throws STALE_EPOCH, DATA_PLANE_UNAVAILABLE when no worker comes up.
 */
export async function openEmbeddedDataPlane(options: EmbeddedOptions): Promise<EmbeddedDataPlane> {
  const { keeper, epoch, dir, http } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const links = Array.from({ length: options.links ?? 32 }, (_, slot) => ({ name: `link-${slot}`, host: '127.0.0.1', port: 0 }));
  try {
    const listeners = await openHttpsListener(options, [{ name: 'http', ...http }, ...links]);
    const specs = Array.from({ length: options.workers ?? 1 }, (_, index) => specOf(`proxy-${index}`, options));
    await keeper.call('workers', { epoch, workers: specs });
    const plane = new Embedded(options, listeners, specs);
    await plane.ready();
    return plane;
  } catch (cause) {
    throw mapped(cause);
  }
}

const socketOf = (dir: string, name: string): string => join(dir, `${name}.sock`);

function specOf(name: string, options: EmbeddedOptions): WorkerSpec {
  const { dir, trustedProxies = [], limits = {} } = options;
  return {
    name,
    program: options.program,
    config: {
      name,
      dir,
      controlSocket: socketOf(dir, name),
      trustedProxies,
      limits,
      version: options.version ?? '',
      ...(options.https ? { certificates: options.https.certificates, publicHttpsPort: options.https.publicPort } : {}),
    },
    nodeArgs: options.nodeArgs ?? [],
    logFile: join(options.logDir ?? dir, `${name}.log`),
  };
}

class Embedded implements EmbeddedDataPlane {
  readonly #options: EmbeddedOptions;
  readonly #listeners: readonly HeldListener[];
  readonly #links: readonly WorkerLink[];
  readonly #store: TableStore;
  readonly #counts = new MergedCounts();
  readonly #series = randomUUID();
  readonly #listening = new Set<(snapshot: TrafficStats) => void>();
  /** Replaced workers that still finish requests: they too must know each new table. */
  readonly #retiring = new Set<Live>();
  readonly #startedBefore: Set<string>;
  #edition: Edition | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: EmbeddedOptions, listeners: readonly HeldListener[], specs: readonly WorkerSpec[]) {
    this.#options = options;
    this.#listeners = listeners;
    this.#store = new TableStore(join(options.dir, 'routes.json'));
    const table = this.#store.read();
    this.#edition = table && Edition.of(table).edition;
    this.#startedBefore = new Set(specs.map(({ name }) => name));
    this.#links = specs.map(
      ({ name }) =>
        new WorkerLink({
          name,
          controlSocket: socketOf(options.dir, name),
          statsEveryMs,
          onLive: (live) => this.#welcome(live),
          onStats: (stats) => {
            this.#counts.take(stats);
            this.#tell();
          },
          onLost: (live) => {
            this.#retiring.delete(live);
            this.#counts.lost(live.hello.bootId);
            this.#tell();
          },
        }),
    );
  }

  async ready(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.live(replacementMs)));
  }

  async prepare(pools: readonly Pool[], epoch: Epoch): Promise<void> {
    // What the present table names is known already.
    const unknown = pools.filter((pool) => !this.#edition?.has(pool));
    await this.#everyone((live) => live.control.call('prepare', { epoch, pools: unknown }));
  }

  commit(table: RouteTable): Promise<CommitReceipt> {
    return this.#inTurn(async () => {
      const present = this.#edition;
      refuseStale(table, present?.table);
      const { edition, file } = Edition.of(table, present);
      // On disk first: a worker that starts from here on starts with it.
      const stored = await this.#store.write(file);
      this.#edition = edition;
      try {
        const replaced = await Promise.all(this.#links.map((link) => deliver(link, edition, this.#replace)));
        await Promise.all([...this.#retiring].map((live) => deliverToRetiring(live, edition)));
        await stored.keep();
        return { version: table.version, workers: this.#links.length, replaced: replaced.filter(Boolean).length };
      } catch (cause) {
        const error = mapped(cause);
        if (hasCode(error, 'BAD_TABLE') || hasCode(error, 'STALE_EPOCH')) {
          this.#edition = present;
          await stored.restore();
        } else {
          await stored.keep();
        }
        throw error;
      }
    });
  }

  async drain(pool: WorkloadId, deadline: Millis, epoch: Epoch): Promise<DrainResult> {
    const results = await this.#everyone((live) =>
      live.control.call('drain', { epoch, pool, deadlineMs: deadline }, deadline + 10_000).catch((cause: unknown) => {
        // A worker that is gone has nothing in flight.
        if (isRefusal(cause, 'WIRE_CLOSED')) return { finished: 0, cut: 0 };
        throw cause;
      }),
    );
    return results.reduce((sum, one) => ({ finished: sum.finished + one.finished, cut: sum.cut + one.cut }), {
      finished: 0,
      cut: 0,
    });
  }

  candidate(release: ReleaseId | '*', token: string): CandidateAddress {
    return { baseUrl: `http://127.0.0.1:${this.#portOf('http')}`, headers: { 'x-signalbox-candidate': `${release}:${token}` } };
  }

  links(): Promise<readonly string[]> {
    const slots = this.#listeners.filter(({ name }) => name.startsWith('link-'));
    return Promise.resolve(slots.map((_, slot) => `http://127.0.0.1:${this.#portOf(`link-${slot}`)}`));
  }

  stats(listener: (snapshot: TrafficStats) => void): () => void {
    this.#listening.add(listener);
    return () => this.#listening.delete(listener);
  }

  async statsNow(): Promise<TrafficStats> {
    const all = await this.#everyone((live) => live.control.call('stats', {}));
    for (const stats of all) this.#counts.take(stats);
    return this.#snapshot();
  }

  async observe(): Promise<DataPlaneStatus> {
    const hellos = await Promise.all(
      this.#links.map(async ({ name, present }) => {
        const hello = await present?.control.call('hello', {}, acknowledgeMs).catch(() => undefined);
        return { name, version: hello?.version ?? null, ready: hello !== undefined, skipped: hello?.skippedRoutes ?? [] };
      }),
    );
    const versions = new Set(hellos.map(({ version }) => version));
    return {
      workers: hellos.map(({ name, version, ready }) => ({ name, version, ready })),
      version: versions.size === 1 ? (hellos[0]?.version ?? null) : null,
      skippedRoutes: [...new Set(hellos.flatMap(({ skipped }) => skipped))],
    };
  }

  addresses(): Promise<{ readonly http: number; readonly https: number | null }> {
    const https = this.#portOf('https');
    return Promise.resolve({ http: this.#portOf('http'), https: https === 0 ? null : https });
  }

  async certificates(again: boolean): Promise<CertificateReport> {
    const reports = await this.#everyone((live) => live.control.call(again ? 'reload-certificates' : 'certificates', {}));
    return mergedReport(reports);
  }

  close(): Promise<void> {
    for (const link of this.#links) link.close();
    for (const live of this.#retiring) live.control.close();
    this.#listening.clear();
    return Promise.resolve();
  }

  replaceWorkers(grace: Millis): Promise<void> {
    return this.#inTurn(async () => {
      for (const link of this.#links) {
        const former = link.leave();
        if (former?.open) this.#retiring.add(former);
        await this.#replace(link.name, grace);
        await link.live(replacementMs);
      }
    });
  }

  /** A worker that has just been reached gets the present table if it does not serve it. */
  async #welcome(live: Live): Promise<void> {
    const { control, hello } = live;
    if (this.#startedBefore.delete(hello.name)) this.#counts.startFrom(await control.call('stats', {}, acknowledgeMs));
    const edition = this.#edition;
    if (!edition || !isOlder(hello, edition.table)) return;
    await handOver(live, edition, acknowledgeMs).catch((cause: unknown) => {
      if (!isRefusal(cause, 'STALE_EPOCH', 'BAD_TABLE')) throw cause;
    });
  }

  readonly #replace = async (name: string, graceMs: number): Promise<void> => {
    await this.#options.keeper.call('replace-worker', { epoch: this.#options.epoch, name, graceMs });
  };

  async #everyone<Result>(ask: (live: Live) => Promise<Result>): Promise<Result[]> {
    try {
      const present = await Promise.all(this.#links.map((link) => link.live(acknowledgeMs)));
      return await Promise.all([...present, ...this.#retiring].map(ask));
    } catch (cause) {
      throw mapped(cause);
    }
  }

  /** One change at a time, in the order of the calls. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  #snapshot(): TrafficStats {
    return { series: this.#series, counts: this.#counts.sum() };
  }

  #tell(): void {
    if (this.#listening.size === 0) return;
    const snapshot = this.#snapshot();
    for (const listener of this.#listening) listener(snapshot);
  }

  #portOf(name: string): number {
    return this.#listeners.find((listener) => listener.name === name)?.port ?? 0;
  }
}

interface Stamp {
  readonly version: number;
  readonly epoch: number;
}

const isOlder = (a: Stamp, b: Stamp): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.version < b.version);

function refuseStale(table: Stamp, present: Stamp | undefined): void {
  if (!present || !isOlder(table, present)) return;
  throw new SignalboxError(
    'STALE_EPOCH',
    `Table ${table.epoch}.${table.version} is older than ${present.epoch}.${present.version}.`,
  );
}
