import type { Pool, RouteTable } from '../domain/route-table.ts';
import type { Epoch, Millis, ReleaseId, WorkloadId } from '../domain/values.ts';

/**
 * How traffic gets to instances. Written for a cluster first: nothing here assumes one host or an instant effect.
 * Suite: test/conformance/data-plane.ts.
 */
export interface DataPlane {
  /** Makes pools known; may take time (a reload, a registration). Idempotent. */
  prepare(pools: readonly Pool[], epoch: Epoch): Promise<void>;
  /**
   * All or nothing. Resolves when *every* worker serves the table: from then on no request starts on the old one.
   * @throws STALE_EPOCH for a table of an older control plane or version, BAD_TABLE, DATA_PLANE_UNAVAILABLE.
   */
  commit(table: RouteTable): Promise<CommitReceipt>;
  /** Waits until nothing is in flight to the pool; ends what is left at the deadline. Call only after a commit without the pool. */
  drain(pool: WorkloadId, deadline: Millis, epoch: Epoch): Promise<{ readonly finished: number; readonly cut: number }>;
  /** Where to reach a release privately, whatever its weight; `*`: the public route as everybody has it, without being sent to HTTPS. */
  candidate(release: ReleaseId | '*', token: string): CandidateAddress;
  /** Base URLs of the release-local link slots, by slot; empty when this data plane has none. */
  links(): Promise<readonly string[]>;
  /** Calls back with each new snapshot (at least every 500 ms while there is traffic) until the returned function is called. */
  stats(listener: (snapshot: TrafficStats) => void): () => void;
  /** One snapshot, now. */
  statsNow(): Promise<TrafficStats>;
  observe(): Promise<DataPlaneStatus>;
  /** Addresses clients use, once everything listens. */
  addresses(): Promise<{ readonly http: number; readonly https: number | null }>;
  close(): Promise<void>;
}

export interface CommitReceipt {
  readonly version: number;
  readonly workers: number;
  /** Workers that did not acknowledge within 2 s and were replaced. */
  readonly replaced: number;
}

export interface CandidateAddress {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sums over all workers, lost and present, cumulative since this adapter was opened; counts of one (release, workload). */
export interface TrafficCounts {
  readonly release: ReleaseId;
  readonly workload: WorkloadId;
  readonly requests: number;
  readonly inFlight: number;
  readonly byClass: readonly [number, number, number, number, number, number];
  readonly errors: number;
  readonly dropped: number;
  readonly rescued: number;
  readonly resent: number;
  /** Refused with 429 before they reached the release; part of no other count. Undefined: this data plane sets no rates. */
  readonly limited?: number;
  readonly latency: readonly number[];
}

export interface TrafficStats {
  /** Changes when counting had to start again from zero (a control plane restart). */
  readonly series: string;
  readonly counts: readonly TrafficCounts[];
}

export interface DataPlaneStatus {
  readonly workers: readonly { readonly name: string; readonly version: number | null; readonly ready: boolean }[];
  /** Version served by all; null when they differ or none serves. */
  readonly version: number | null;
  readonly skippedRoutes: readonly string[];
}
