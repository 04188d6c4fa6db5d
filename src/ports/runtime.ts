import type { Workload } from '../domain/release.ts';
import type { Epoch, InstanceId, Millis, WallTime, WorkloadId } from '../domain/values.ts';

/**
 * Where workloads run. Everything is idempotent by workload id, and nothing that this installation did not start is ever
 * adopted, signalled or removed. Suite: test/conformance/runtime.ts.
 */
export interface Runtime {
  /**
   * Declares that `replicas` instances of the workload shall run. Resolves when that is on record and the instances are being
   * started; readiness is judged from outside. Fewer than before: the surplus is stopped with the workload's grace.
   * @throws STALE_EPOCH, ARTIFACT_MISSING, START_FAILED (nothing was started).
   */
  ensure(workload: Workload, options: EnsureOptions): Promise<void>;
  /** Resolves when no process or container of the workload is left. Unknown workloads are done at once. */
  stop(workload: WorkloadId, options: { readonly grace: Millis; readonly epoch: Epoch }): Promise<void>;
  /** What really runs, including what was adopted. */
  observe(): Promise<readonly InstanceObservation[]>;
  /** Calls back whenever an instance changed, until the returned function is called. */
  watch(listener: (instance: InstanceObservation) => void): () => void;
  /** The newest lines last; follows when asked, until the signal aborts. */
  logs(workload: WorkloadId, options: LogOptions): AsyncIterable<LogLine>;
  /**
   * Runs a command once in the workload's artifact and environment; idempotent by `id`: a second call joins the first, also after
   * a restart of the control plane.
   */
  run(command: OneOff): Promise<OneOffResult>;
  /** `unknown`: no trace of it was ever recorded, so it never started. */
  inspectRun(id: string): Promise<OneOffState>;
  /** Removes what the workload left behind (scratch copies, records, logs); only for stopped ones. */
  forget(workload: WorkloadId): Promise<void>;
  /** Removes what lasts of the workload (`persist`), for good; only for stopped ones. */
  discard?(workload: Workload): Promise<void>;
  close(): Promise<void>;
}

export interface EnsureOptions {
  readonly replicas: number;
  /** Complete run-time variables, references resolved. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Digest of what in `env` may change under a running instance (addresses of accessories). Instances that were started with another
   * one are started again, one after another. Undefined: nothing may.
   */
  readonly follows?: string;
  readonly epoch: Epoch;
}

export interface InstanceObservation {
  readonly instance: InstanceId;
  readonly workload: WorkloadId;
  readonly state: 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped';
  /** Where it can be reached; null for workers, and until it has listened there itself for the first time. */
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  /** Since its last start the instance itself was seen to listen at its endpoint: else whoever answers there is a stranger. */
  readonly listening: boolean;
  /**
   * Where other instances of its environment reach it, from the moment it is decided, listening or not; in a container the name and
   * port that its network knows. Null for workers; undefined: the same as the endpoint.
   */
  readonly inside?: { readonly host: string; readonly port: number } | null;
  readonly startedAt: WallTime | null;
  readonly restarts: number;
  readonly lastExit: InstanceExit | null;
  /** Something about the instance itself that no waiting will mend, e.g. PORT_IGNORED. */
  readonly fault: { readonly code: string; readonly message: string } | null;
  /** Bytes of resident memory of all its processes; null when unknown. */
  readonly memory: number | null;
}

/**
 * `unobserved`: nobody saw how it ended, as when the engine or the machine took it along. `removed`: somebody else took it away. Neither
 * says anything about its program.
 */
export interface InstanceExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: 'exited' | 'stopped' | 'memory-limit' | 'start-failed' | 'unobserved' | 'removed';
  readonly at: WallTime;
}

export interface LogOptions {
  /** Output of this one-off command instead of the instances'. */
  readonly run?: string;
  /** Newest lines to begin with. Default 100. */
  readonly tail?: number;
  readonly follow?: AbortSignal;
}

export interface LogLine {
  readonly instance: InstanceId;
  readonly text: string;
}

export interface OneOff {
  readonly id: string;
  readonly workload: Workload;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: Millis;
  readonly epoch: Epoch;
  readonly signal?: AbortSignal;
  /** Behind everything that serves, as with builds. Undefined: like an instance. */
  readonly lowPriority?: true;
}

export type OneOffState =
  | { readonly state: 'unknown' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly result: OneOffResult };

/** Success and failure share one shape; `end` says once why it ended. `lost`: it ran, and its exit was never recorded. */
export interface OneOffResult {
  readonly end: 'exited' | 'timed-out' | 'cancelled' | 'lost';
  readonly exitCode: number | null;
  readonly duration: Millis;
  /** Last lines of its output. */
  readonly tail: readonly string[];
}
