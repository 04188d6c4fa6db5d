import type { AccessorySpec } from '../domain/accessories.ts';
import type { BranchRule } from '../domain/branch-rules.ts';
import type { ReleasedService } from '../domain/release.ts';
import type { SmokeCheck, StrategySpec } from '../domain/spec.ts';
import type { AppName, BuildKey, EnvironmentName } from '../domain/values.ts';
import type { DeploySchedule } from '../domain/windows.ts';

/** Reads what a source version declares and freezes it: the same input gives the same workloads. */
export interface Freezer {
  /** @throws CONFIG_INVALID, NOTHING_DETECTED, UNKNOWN_ENVIRONMENT, UNKNOWN_SOURCE. */
  freeze(request: FreezeRequest): Promise<Frozen>;
}

export interface FreezeRequest {
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly sha: string;
  /** Folder of the app inside its repository, `.` for the root. */
  readonly folder: string;
  readonly folderName: string;
  /**
   * Images made elsewhere that a service keeps, by service, each by a name that never means another one: their tags may have moved since.
   * Undefined: each is looked up.
   */
  readonly images?: Readonly<Record<string, string>>;
}

export interface Frozen {
  readonly services: readonly ReleasedService[];
  /** Undefined: none. */
  readonly accessories?: readonly AccessorySpec[];
  readonly smoke: readonly SmokeCheck[];
  readonly strategy: StrategySpec;
  /** Pushes to which branch are deployed to the environment. Undefined: the usual rule. */
  readonly branch?: BranchRule;
  /** When the environment takes deploys. Undefined: always. */
  readonly schedule?: DeploySchedule;
  readonly subject: string;
  /** Keys whose artifacts are there already. */
  readonly cached: ReadonlySet<BuildKey>;
  /** What people should know: proposed `persist`, overlapping routes, a port that seems hard-coded. */
  readonly notes: readonly string[];
}
