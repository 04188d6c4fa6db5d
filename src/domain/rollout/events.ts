import type { ReleaseId, RolloutId, WallTime, WorkloadId } from '../values.ts';
import type { Reason, ReleaseCounters, TrafficBaseline } from './state.ts';

/** Everything that can happen to a rollout. Results of effects name the effect; those of effects no longer asked for are ignored. */
export type RolloutEvent =
  /** The queue is free. `ready`: everything it needs runs and is healthy already. Counting of traffic starts from `counts`. */
  | {
      readonly type: 'started';
      readonly wall: WallTime;
      readonly ready: boolean;
      readonly counts: Readonly<Record<ReleaseId, ReleaseCounters>>;
    }
  | { readonly type: 'built'; readonly effect: string }
  | { readonly type: 'build-failed'; readonly effect: string; readonly reason: Reason }
  | { readonly type: 'accessories-ready'; readonly effect: string }
  | { readonly type: 'accessories-failed'; readonly effect: string; readonly reason: Reason }
  | { readonly type: 'command-done'; readonly effect: string }
  | { readonly type: 'command-failed'; readonly effect: string; readonly reason: Reason }
  /** It ran, and nobody knows how it ended. */
  | { readonly type: 'command-lost'; readonly effect: string; readonly reason: Reason }
  /** An instance of a workload of the plan has started: deadlines count from here. */
  | { readonly type: 'instance-started'; readonly workload: WorkloadId }
  /** All instances that shall run at this point are healthy. */
  | { readonly type: 'healthy'; readonly workload: WorkloadId }
  | { readonly type: 'unhealthy'; readonly workload: WorkloadId; readonly reason: Reason }
  /** It will not become healthy by waiting: it crashed while it had traffic, its attempts are exhausted, its port is ignored. */
  | { readonly type: 'broken'; readonly workload: WorkloadId; readonly reason: Reason }
  | { readonly type: 'smoke-passed'; readonly effect: string }
  | { readonly type: 'smoke-failed'; readonly effect: string; readonly reason: Reason }
  /** The interlocking gives way: no other rollout of the environment is moving traffic, health was checked a moment ago. */
  | {
      readonly type: 'cleared';
      readonly from: ReleaseId | null;
      readonly fallback: ReleaseId | null;
      readonly baseline: TrafficBaseline;
      /** Crashes of each workload on record with the runtime. Default: unknown. */
      readonly crashes?: Readonly<Record<WorkloadId, number>>;
    }
  | { readonly type: 'published'; readonly effect: string; readonly wall: WallTime }
  /** The release to go back to serves, or has had time enough. */
  | { readonly type: 'warmed-up'; readonly effect: string }
  /** `observing` false: our own observation is broken; the release is not blamed and the clock stands still. */
  | {
      readonly type: 'traffic';
      readonly counts: Readonly<Record<ReleaseId, ReleaseCounters>>;
      readonly observing: boolean;
    }
  | { readonly type: 'tick' }
  | { readonly type: 'promoted' }
  | { readonly type: 'aborted' }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'superseded'; readonly by: RolloutId };

export type RolloutEventType = RolloutEvent['type'];
