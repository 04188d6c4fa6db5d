import type { Reason, RolloutKind } from '../domain/rollout/state.ts';
import type { AppName, EnvironmentName, ReleaseId, RolloutId } from '../domain/values.ts';
import type { SourceVersion } from '../ports/source.ts';

/** The only door for writes. Everything that changes a decision goes through one of these; each is one transaction. */
export interface Commands {
  /** Takes a git bundle (a file that the caller removes afterwards). @throws BAD_BUNDLE, APP_TAKEN. */
  receiveSource(request: { readonly app: AppName; readonly file: string; readonly ref: string }): Promise<SourceVersion>;
  /**
   * Freezes a release and queues its rollout; returns before anything is built.
   * @throws CONFIG_INVALID, UNKNOWN_ENVIRONMENT, UNKNOWN_SOURCE, ROUTE_TAKEN, NOT_ENOUGH_MEMORY.
   */
  deploy(request: DeployRequest): Promise<Accepted>;
  /** What `deploy` would do; changes nothing. */
  plan(request: DeployRequest): Promise<PlanPreview>;
  /** @throws NO_KEPT_RELEASE, MIGRATIONS_CHANGED (without force), SAME_RELEASE. */
  rollback(request: RollbackRequest): Promise<Accepted>;
  /**
   * promote: skip the remaining steps; abort: undo; pause: halt the clock; resume: go on. Pause and abort are idempotent.
   * @throws NO_ACTIVE_ROLLOUT for an unknown or finished one.
   */
  steer(request: { readonly target: SteerTarget; readonly verb: 'promote' | 'abort' | 'pause' | 'resume' }): Promise<{ readonly rolloutId: RolloutId }>;
  traffic(request: { readonly app: AppName; readonly environment: EnvironmentName; readonly kind: 'open' | 'hold' | 'stop'; readonly message?: string }): Promise<void>;
}

/** A rollout by id, or the running one of an environment. */
export type SteerTarget =
  | { readonly rollout: RolloutId }
  | { readonly app: AppName; readonly environment: EnvironmentName };

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
  /** Set when a deploy would be refused as things stand. */
  readonly refused?: Reason;
}
