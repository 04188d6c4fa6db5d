import { SignalboxError } from '../../../src/domain/errors.ts';
import type { RouteTable, Split } from '../../../src/domain/route-table.ts';
import type { ReleaseId, WorkloadId } from '../../../src/domain/values.ts';
import type { DataPlane, TrafficCounts, TrafficStats } from '../../../src/ports/data-plane.ts';
import { Fence, type Violations } from './fence.ts';
import type { MachineRuntime } from './runtime.ts';
import type { ManualTime } from './time.ts';

/** Keeps the tables it is given, refuses what the real one refuses, and notices what the interlocking must prevent. */
export class RecordingDataPlane {
  readonly fence = new Fence();
  /** Every table that was acknowledged, in order. */
  readonly tables: RouteTable[] = [];
  /** A table that some worker may serve though it was not acknowledged. */
  offered: RouteTable | null = null;
  /** How long every worker takes to acknowledge a table, in milliseconds. */
  acknowledging = 5;
  /** Commits fail until this moment. */
  brokenUntil = 0;
  readonly #drained = new Set<string>();
  readonly #counts = new Map<string, { requests: number; errors: number; workload: WorkloadId }>();
  readonly #listeners = new Set<(s: TrafficStats) => void>();
  readonly #time: ManualTime;
  readonly #runtime: MachineRuntime;
  readonly #violations: Violations;

  constructor(time: ManualTime, runtime: MachineRuntime, violations: Violations) {
    this.#time = time;
    this.#runtime = runtime;
    this.#violations = violations;
    runtime.mayStop = (workload) => this.#whyNotStop(workload);
  }

  table(): RouteTable | undefined {
    return this.tables.at(-1);
  }

  split(key = 'shop/production'): Split | undefined {
    return this.table()?.splits.find((s) => s.key === key);
  }

  /** `v2:1000 v1:9000` without arms of weight 0. */
  arms(key = 'shop/production'): string {
    const arms = (this.split(key)?.arms ?? []).filter((a) => a.weight > 0);
    return arms.map((a) => `${a.release.split('/').at(-1)}:${a.weight}`).join(' ');
  }

  /** Requests that have been answered on a release since it began. */
  answer(release: string, requests: number, errors = 0): void {
    const before = this.#counts.get(release) ?? { requests: 0, errors: 0, workload: 'any' as WorkloadId };
    this.#counts.set(release, { ...before, requests: before.requests + requests, errors: before.errors + errors });
    for (const tell of this.#listeners) tell(this.#stats());
  }

  /** The adapter of a new control plane counts from zero. */
  restartCounts(): void {
    this.#counts.clear();
    this.#listeners.clear();
  }

  port(): DataPlane {
    return {
      prepare: async (_pools, epoch) => this.fence.check(epoch),
      commit: async (table) => {
        this.fence.check(table.epoch);
        this.#check(table);
        this.offered = table;
        await this.#time.sleep(this.acknowledging);
        if (this.#time.now < this.brokenUntil) throw new SignalboxError('DATA_PLANE_UNAVAILABLE', 'A worker is silent.');
        this.#noticeUnhealthyWeight(table);
        this.tables.push(table);
        this.offered = null;
        for (const pool of poolsWithWeight(table)) this.#drained.delete(pool);
        return { version: table.version, workers: 1, replaced: 0 };
      },
      drain: async (pool, _deadline, epoch) => {
        this.fence.check(epoch);
        const leading = this.#leadsTo(pool);
        if (leading) this.#violations.add(`${pool} was drained although version ${leading.version} leads to it`);
        await this.#time.sleep(50);
        this.#drained.add(pool);
        return { finished: 0, cut: 0 };
      },
      candidate: (release, token) => ({
        baseUrl: 'http://127.0.0.1:80',
        headers: { 'x-signalbox-candidate': `${release}:${token}` },
      }),
      links: async () => Array.from({ length: 8 }, (_, i) => `http://127.0.0.1:${9000 + i}`),
      stats: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      statsNow: async () => this.#stats(),
      observe: async () => ({ workers: [], version: this.table()?.version ?? null, skippedRoutes: [] }),
      addresses: async () => ({ http: 80, https: null }),
      close: async () => undefined,
    };
  }

  #check(table: RouteTable): void {
    const { version } = this.table() ?? { version: -1 };
    if (table.version <= version) throw new SignalboxError('STALE_EPOCH', `Version ${table.version} is not above ${version}.`);
    for (const split of table.splits) {
      const sum = split.arms.reduce((a, arm) => a + arm.weight, 0);
      const stable = split.arms.filter((a) => a.role === 'stable').length;
      const refused = sum !== 0 && (sum !== 10_000 || stable !== 1);
      if (refused) throw new SignalboxError('BAD_TABLE', `${split.key} has a weight of ${sum} and ${stable} stable arms.`);
    }
  }

  /** Weight may only be added to a release that answers on each of its routes, or whose requests wait there. */
  #noticeUnhealthyWeight(table: RouteTable): void {
    for (const split of table.splits) {
      const before = this.table()?.splits.find((s) => s.key === split.key);
      for (const arm of split.arms) {
        const weight = before?.arms.find((a) => a.release === arm.release)?.weight ?? 0;
        if (arm.weight <= weight) continue;
        for (const pool of poolsOf(split, arm.release)) {
          const known = table.pools.find((p) => p.id === pool);
          if (known?.kind === 'static') continue;
          // Requests wait: nobody is sent to what does not serve.
          if (known?.whenEmpty === 'hold' && known.endpoints.length === 0) continue;
          if (!known || known.endpoints.length === 0 || !this.#runtime.serves(pool))
            this.#violations.add(`${arm.release} was given ${arm.weight} while ${pool} does not serve`);
        }
      }
    }
  }

  #leadsTo(workload: string): RouteTable | undefined {
    return [this.table(), this.offered ?? undefined].find((t) => t?.pools.some((p) => p.id === workload));
  }

  #whyNotStop(workload: string): string | null {
    const leading = this.#leadsTo(workload);
    if (leading) return `version ${leading.version} leads to it`;
    const routed = this.tables.some((t) => poolsWithWeight(t).has(workload as WorkloadId));
    return routed && !this.#drained.has(workload) ? 'it was not drained' : null;
  }

  #stats(): TrafficStats {
    const counts = [...this.#counts].map(
      ([release, c]): TrafficCounts => ({
        release: release as ReleaseId,
        workload: c.workload,
        requests: c.requests,
        inFlight: 0,
        byClass: [0, 0, 0, 0, 0, 0],
        errors: c.errors,
        dropped: 0,
        rescued: 0,
        resent: 0,
        latency: [],
      }),
    );
    return { series: 'one', counts };
  }
}

const poolsOf = (split: Split, release: ReleaseId): readonly WorkloadId[] => split.routes.flatMap((r) => r.pools[release] ?? []);

const poolsWithWeight = (table: RouteTable): ReadonlySet<WorkloadId> =>
  new Set(table.splits.flatMap((s) => s.arms.filter((a) => a.weight > 0).flatMap((a) => poolsOf(s, a.release))));
