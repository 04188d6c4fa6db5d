import type { RunCause } from '../domain/pipeline/run.ts';
import type { RolloutKind } from '../domain/rollout/plan.ts';
import type { Reason } from '../domain/rollout/state.ts';
import type { EnvironmentLock } from '../domain/environment-state.ts';
import type { PromotedFrom, Workload } from '../domain/release.ts';
import type { AppName, EnvironmentName, Millis, ReleaseId, RolloutId, RunId, WorkloadId } from '../domain/values.ts';
import type { Endpoint } from '../domain/route-table.ts';
import type { SecretVersion } from '../domain/secrets.ts';
import type { SourceVersion } from '../ports/source.ts';

/** The only door for writes. Everything that changes a decision goes through one of these; each is one transaction. */
export interface Commands extends RunCommands {
  /** Takes a git bundle (a file that the caller removes afterwards). @throws BAD_BUNDLE, APP_TAKEN. */
  receiveSource(request: { readonly app: AppName; readonly file: string; readonly ref: string }): Promise<SourceVersion>;
  /**
   * Freezes a release and queues its rollout; returns before anything is built.
   * @throws CONFIG_INVALID, UNKNOWN_ENVIRONMENT, UNKNOWN_SOURCE, ROUTE_TAKEN, NOT_ENOUGH_MEMORY, ENVIRONMENT_LOCKED,
   *   DEPLOY_WINDOW_CLOSED.
   */
  deploy(request: DeployRequest): Promise<Accepted>;
  /** What `deploy` would do; changes nothing. */
  plan(request: DeployRequest): Promise<PlanPreview>;
  /**
   * Deploys what another environment has tested, as it was built there: nothing is built.
   * @throws NOT_FOUND, NO_KEPT_RELEASE, PROMOTION_UNPROVEN (without force), PROMOTION_CHANGED, ARTIFACT_MISSING, and what `deploy` throws.
   */
  deployFrom(request: PromotionRequest): Promise<Accepted>;
  /** What `deployFrom` would do; changes nothing. */
  planFrom(request: PromotionRequest): Promise<PlanPreview>;
  /** @throws NO_KEPT_RELEASE, MIGRATIONS_CHANGED (without force), SAME_RELEASE, ROUTE_TAKEN. */
  rollback(request: RollbackRequest): Promise<Accepted>;
  /**
   * promote: skip the remaining steps; abort: undo; pause: halt the clock; resume: go on. Pause and abort are idempotent.
   * @throws NO_ACTIVE_ROLLOUT for an unknown or finished one; promote and resume: ENVIRONMENT_LOCKED.
   */
  steer(request: {
    readonly target: SteerTarget;
    readonly verb: 'promote' | 'abort' | 'pause' | 'resume';
    readonly by?: string;
  }): Promise<{ readonly rolloutId: RolloutId }>;
  /** @throws NOT_FOUND, ENVIRONMENT_LOCKED. */
  traffic(request: {
    readonly app: AppName;
    readonly environment: EnvironmentName;
    readonly kind: 'open' | 'hold' | 'stop';
    readonly message?: string;
    readonly by?: string;
  }): Promise<void>;
  /** Keeps the changes of others away. @throws NOT_FOUND, ENVIRONMENT_LOCKED by somebody else. */
  lock(request: LockRequest): Promise<EnvironmentLock>;
  /** The lock that was taken away; null: there was none. @throws NOT_FOUND, ENVIRONMENT_LOCKED by somebody else (without force). */
  unlock(request: UnlockRequest): Promise<EnvironmentLock | null>;
  /**
   * Has what runs follow what the release with traffic declares: accessories that differ are applied, what is missing is started, what
   * nothing declares is stopped. Returns when that is decided. @throws NOT_FOUND, ENVIRONMENT_LOCKED, ACCESSORY_CHANGED.
   */
  sync(request: SyncRequest): Promise<{ readonly applied: readonly string[] }>;
  /**
   * restart: stop it and have it started again; apply: the same with what the release with traffic declares; remove: end it.
   * @throws NOT_FOUND, ACCESSORY_CHANGED, ACCESSORY_UNAVAILABLE, ACCESSORY_IN_USE.
   */
  accessory(request: AccessoryRequest): Promise<void>;
  readonly secrets: SecretCommands;
}

/** Values go in and never out, but for an export that a passphrase seals. */
export interface SecretCommands {
  list(of: Environment): Promise<readonly ListedSecret[]>;
  /** The next version. @throws SECRET_REFUSED */
  set(request: Environment & { readonly name: string; readonly value: Uint8Array }): Promise<{
    readonly version: number;
    readonly notes: readonly string[];
  }>;
  /** One version or all of them. @throws NOT_FOUND, SECRET_IN_USE (without force) */
  remove(
    request: Environment & { readonly name: string; readonly version?: number; readonly force: boolean },
  ): Promise<{ readonly removed: readonly number[] }>;
  rotateKey(): Promise<{ readonly rewrapped: number }>;
  /** Without `app` and `environment`: of all. */
  export(
    request: Partial<Environment> & { readonly passphrase: string },
  ): Promise<{ readonly document: string; readonly count: number }>;
  /** What is there already with the same value is left alone. @throws SECRET_REFUSED, CONFLICT */
  import(request: { readonly document: string; readonly passphrase: string }): Promise<{
    readonly restored: number;
    readonly kept: number;
  }>;
}

export interface Environment {
  readonly app: AppName;
  readonly environment: EnvironmentName;
}

export interface ListedSecret {
  readonly name: string;
  /** Newest last. `usedBy`: kept releases that need it, as `v3 (api)`. */
  readonly versions: readonly (SecretVersion & { readonly usedBy: readonly string[] })[];
}

export interface RunCommands {
  /**
   * Queues a run of the commit's pipeline, in place of an unfinished one of the same ref. It ships to the environments in their order,
   * each when the one before is live; to none, it only checks.
   * @throws CONFIG_INVALID, NOTHING_DETECTED, UNKNOWN_ENVIRONMENT, UNKNOWN_SOURCE, TOO_MANY_RUNS.
   */
  startRun(request: StartRun): Promise<{ readonly run: RunId }>;
  /** Idempotent while it is ending. @throws NO_ACTIVE_RUN. */
  cancelRun(request: { readonly run: RunId; readonly who: string }): Promise<void>;
}

export interface StartRun {
  readonly app: AppName;
  readonly sha: string;
  /** Full name, as `refs/heads/main`; null: nothing takes its place. */
  readonly ref: string | null;
  readonly dirty: boolean;
  readonly folder: string;
  readonly folderName: string;
  readonly environments: readonly EnvironmentName[];
  readonly cause: RunCause;
  /** An ended run of the same commit: steps that passed in it and would do the same are not done again. */
  readonly retryOf?: RunId;
}

export interface AccessoryRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly name: string;
  readonly act: 'restart' | 'apply' | 'remove';
  /** Of `remove`: its data and password go, too, for good. */
  readonly deleteData: boolean;
}

/** A rollout by id, or the running one of an environment. */
export type SteerTarget = { readonly rollout: RolloutId } | { readonly app: AppName; readonly environment: EnvironmentName };

export interface DeployRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly sha: string;
  readonly dirty: boolean;
  /** Folder of the app inside its repository, `.` for the root. */
  readonly folder: string;
  /** Name of the folder on the user's side, for detection without a file. */
  readonly folderName: string;
  /** Overrides the configured type (steps and bake stay). */
  readonly strategy?: 'blue-green' | 'rolling' | 'canary';
  /** Who asks, as they say; only a lock looks at it. Undefined: nobody said. */
  readonly by?: string;
  /** Goes through although no window is open, for this reason. */
  readonly forceWindow?: string;
  /** The run that asks for it. */
  readonly run?: RunId;
}

export interface PromotionRequest extends Pick<DeployRequest, 'app' | 'environment' | 'strategy' | 'by' | 'forceWindow'> {
  /** Environment that has tested it. */
  readonly from: EnvironmentName;
  /** Number of the release there; default: the one with all traffic, which has to be proven. */
  readonly release?: number;
  /** Also what has not proven itself. */
  readonly force: boolean;
}

export interface LockRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly owner: string;
  readonly reason: string;
}

export interface UnlockRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly by?: string;
  /** Also a lock of somebody else. */
  readonly force: boolean;
}

export interface SyncRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly by?: string;
}

export interface RollbackRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  /** Number of the release; default: the last proven one before the live one. */
  readonly to?: number;
  readonly force: boolean;
}

export interface Accepted {
  readonly rolloutId: RolloutId;
  readonly release: ReleaseId;
  readonly kind: RolloutKind;
}

export interface PlanPreview {
  readonly release: ReleaseId;
  readonly operations: readonly string[];
  readonly notes: readonly string[];
  /** MiB; null when unknown. */
  readonly memory: { readonly neededMb: number | null; readonly availableMb: number | null; readonly warmMb: number | null };
  readonly promotedFrom?: PromotedFrom;
  /** Set when a deploy would be refused as things stand. */
  readonly refused?: Reason;
}

/** What watchers of rollouts are told, as it happens. Nothing here is a decision; it is lost when nobody listens. */
export interface Feed {
  /** Calls back after each committed change of a rollout (its traffic counts included), until the returned function is called. */
  onRollout(listener: (rollout: RolloutId) => void): () => void;
  /** Calls back after each committed change of a run. */
  onRun(listener: (run: RunId) => void): () => void;
  /** Lines of the steps of runs as they come. */
  onRunLine(listener: (line: { readonly run: RunId; readonly step: string; readonly line: string }) => void): () => void;
  /** Lines of builds and release commands as they come. */
  onLine(listener: (line: { readonly rollout: RolloutId; readonly service: string; readonly line: string }) => void): () => void;
}

/** Watches every instance that shall run: probes it, sees it crash, says how its workload is. */
export interface HealthMonitor {
  /** What shall run from now on, and how many of each. */
  watch(wanted: readonly { readonly workload: Workload; readonly replicas: number }[]): void;
  level(workload: WorkloadId): WorkloadLevel;
  /** Endpoints of every workload that shall run, for the route table. */
  endpoints(): ReadonlyMap<WorkloadId, readonly Endpoint[]>;
  /** Probes every instance of the workloads once, now. The first failure as a sentence, or null. */
  probeNow(workloads: readonly WorkloadId[]): Promise<string | null>;
  /**
   * Resolves when the runtime has said what runs, however long that takes, and every running instance was looked at once; the
   * looks may take `limit`.
   */
  settled(limit: Millis): Promise<void>;
  stop(): void;
}

export interface WorkloadLevel {
  /** As many healthy instances as shall run. */
  readonly healthy: boolean;
  readonly started: boolean;
  /** False: not looked at long enough to say that it is *not* healthy (it has just started, or we have). */
  readonly judged: boolean;
  /** Why not, as a sentence. */
  readonly detail: string | null;
  /** No waiting will mend it (its port is ignored). */
  readonly fault: { readonly code: string; readonly message: string } | null;
  /** Ends by themselves seen since it is watched. */
  readonly crashes: number;
  /** Crashes that the runtime has on record of the instances there are now; also from before anybody watched. */
  readonly recordedCrashes: number;
  /** How the last of them ended. */
  readonly lastExit: string | null;
}
