import type { ReleaseId, WorkloadId } from '../../../domain/values.ts';
import type { TrafficCounts } from '../../../ports/data-plane.ts';
import type { ArmCounts, WorkerStats } from '../../../proxy/protocol.ts';

/** Adds up the counts of all workers that ever ran since this was made; what they had counted before is left out. */
export class MergedCounts {
  readonly #byBoot = new Map<string, WorkerStats>();
  readonly #before = new Map<string, ReadonlyMap<string, ArmCounts>>();

  /** A worker that ran already: its counts up to now are not ours. */
  startFrom(stats: WorkerStats): void {
    this.#before.set(stats.bootId, new Map(stats.counts.map((arm) => [keyOf(arm), arm])));
    this.take(stats);
  }

  take(stats: WorkerStats): void {
    this.#byBoot.set(stats.bootId, stats);
  }

  /** The worker is gone: its counts stay, nothing is in flight there any more. */
  lost(bootId: string): void {
    const last = this.#byBoot.get(bootId);
    if (last) this.#byBoot.set(bootId, { ...last, counts: last.counts.map((arm) => ({ ...arm, inFlight: 0 })) });
  }

  sum(): TrafficCounts[] {
    const sums = new Map<string, TrafficCounts>();
    for (const { bootId, counts } of this.#byBoot.values()) {
      const before = this.#before.get(bootId);
      for (const arm of counts) {
        const key = keyOf(arm);
        const own = since(arm, before?.get(key));
        const sum = sums.get(key);
        sums.set(key, sum ? plus(sum, own) : own);
      }
    }
    return [...sums.values()];
  }
}

const keyOf = (arm: ArmCounts): string => `${arm.release}\n${arm.workload}`;

function since(arm: ArmCounts, before: ArmCounts | undefined): TrafficCounts {
  const less = (now: number, then: number | undefined): number => now - (then ?? 0);
  return {
    release: arm.release as ReleaseId,
    workload: arm.workload as WorkloadId,
    requests: less(arm.requests, before?.requests),
    inFlight: arm.inFlight,
    byClass: sixOf(arm.byClass.map((count, index) => less(count, before?.byClass[index]))),
    errors: less(arm.errors, before?.errors),
    dropped: less(arm.dropped, before?.dropped),
    rescued: less(arm.rescued, before?.rescued),
    resent: less(arm.resent, before?.resent),
    limited: less(arm.limited ?? 0, before?.limited),
    latency: arm.latency.map((count, index) => less(count, before?.latency[index])),
  };
}

function plus(a: TrafficCounts, b: TrafficCounts): TrafficCounts {
  return {
    release: a.release,
    workload: a.workload,
    requests: a.requests + b.requests,
    inFlight: a.inFlight + b.inFlight,
    byClass: sixOf(a.byClass.map((count, index) => count + (b.byClass[index] ?? 0))),
    errors: a.errors + b.errors,
    dropped: a.dropped + b.dropped,
    rescued: a.rescued + b.rescued,
    resent: a.resent + b.resent,
    limited: (a.limited ?? 0) + (b.limited ?? 0),
    latency: a.latency.map((count, index) => count + (b.latency[index] ?? 0)),
  };
}

const sixOf = (counts: readonly number[]): TrafficCounts['byClass'] => counts as unknown as TrafficCounts['byClass'];
