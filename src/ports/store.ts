import type { EnvironmentState } from '../domain/environment-state.ts';
import type { Delivery, Hook } from '../domain/forge/delivery.ts';
import type { Release, Workload } from '../domain/release.ts';
import type { Run } from '../domain/pipeline/run.ts';
import type { Rollout } from '../domain/rollout/state.ts';
import type {
  AppName,
  EnvironmentKey,
  EnvironmentName,
  Epoch,
  Instant,
  ReleaseId,
  RolloutId,
  RunId,
  WallTime,
  WorkloadId,
} from '../domain/values.ts';

/**
 * All decisions. Asynchronous: a stalled disk must not stop probes or the API. Every write is one transaction, on disk when
 * the promise resolves. Suite: test/conformance/store.ts.
 */
export interface Store extends StoreReads {
  /**
   * Takes the installation for this process until it ends (a lock the kernel releases) and returns a new, higher epoch.
   * @throws HOME_IN_USE when another control plane has it.
   */
  acquire(): Promise<{ readonly epoch: Epoch; readonly clockBase: Instant }>;
  /** All or nothing. @throws STALE_EPOCH, CONFLICT (a revision moved), STORE_FULL, STORE_STALLED. */
  commit(change: Change): Promise<void>;
  /** The same reads for those who only look: answered at once, also while a write waits for its turn, which they do not see. */
  readonly atOnce: StoreReads;
  /** Removes releases and their events beyond the limits; never the kept ones. Returns what was removed. */
  prune(limits: {
    readonly releasesPerEnvironment: number;
    readonly events: number;
    readonly keep: readonly ReleaseId[];
  }): Promise<readonly ReleaseId[]>;
  close(): Promise<void>;
}

/** Answered in their order among the writes, so that whoever decides sees all that was written before. */
export interface StoreReads {
  app(name: AppName): Promise<AppRecord | null>;
  apps(): Promise<readonly AppRecord[]>;
  environment(key: EnvironmentKey): Promise<EnvironmentState | null>;
  environments(): Promise<readonly EnvironmentState[]>;
  release(id: ReleaseId): Promise<Release | null>;
  /** Newest first. */
  releases(key: EnvironmentKey, page: Page): Promise<readonly Release[]>;
  workloads(ids: readonly WorkloadId[]): Promise<readonly Workload[]>;
  rollout(id: RolloutId): Promise<Rollout | null>;
  /** Newest first; all environments without a key. */
  rollouts(filter: { readonly environment?: EnvironmentKey; readonly active?: boolean }, page: Page): Promise<readonly Rollout[]>;
  run(id: RunId): Promise<Run | null>;
  /** Newest first; of all apps without one. */
  runs(filter: { readonly app?: AppName; readonly active?: boolean }, page: Page): Promise<readonly Run[]>;
  /** Ascending by sequence, from `after` on (exclusive). */
  events(filter: EventFilter): Promise<readonly StoredEvent[]>;
  /** By app. */
  hooks(): Promise<readonly Hook[]>;
  /** Newest first; `open`: those that are not over. */
  deliveries(filter: DeliveryFilter, page: Page): Promise<readonly Delivery[]>;
}

export type DeliveryFilter =
  | { readonly app: AppName }
  /** Of its app the one that the forge calls so. */
  | { readonly app: AppName; readonly name: string }
  /** Those of its app whose body was the same. */
  | { readonly app: AppName; readonly digest: string }
  | { readonly open: true };

/** `before`: continue below this sort key (the last row's id of the page before). `limit` 1 to 500. */
export interface Page {
  readonly limit: number;
  readonly before?: string;
}

export interface AppRecord {
  readonly name: AppName;
  readonly createdAt: WallTime;
}

export interface Change {
  readonly epoch: Epoch;
  /** Monotonic time of the decision; the next control plane's clock starts from the newest. */
  readonly at: Instant;
  readonly apps?: readonly AppRecord[];
  /** Written only if the stored revision is exactly one lower (or it is new with revision 0). */
  readonly environments?: readonly EnvironmentState[];
  readonly releases?: readonly Release[];
  readonly rollouts?: readonly Rollout[];
  readonly runs?: readonly Run[];
  readonly events?: readonly NewEvent[];
  /** One per app; the newer replaces the older. */
  readonly hooks?: readonly Hook[];
  readonly removedHooks?: readonly AppName[];
  /** A new one's name may not be taken within its app. With it the oldest of its app that are over and long past are forgotten. */
  readonly deliveries?: readonly Delivery[];
}

export interface NewEvent {
  readonly type: string;
  readonly at: WallTime;
  readonly app?: AppName;
  readonly environment?: EnvironmentName;
  readonly rollout?: RolloutId;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface StoredEvent extends NewEvent {
  /** Rises without gaps worth relying on. */
  readonly sequence: number;
}

export interface EventFilter {
  readonly after?: number;
  /** The newest `limit` instead of the oldest after `after`. */
  readonly newest?: boolean;
  readonly app?: AppName;
  readonly environment?: EnvironmentName;
  readonly rollout?: RolloutId;
  readonly limit: number;
}
