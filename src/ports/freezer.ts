import type { AccessorySpec } from '../domain/accessories.ts';
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
}

export interface Frozen {
  readonly services: readonly ReleasedService[];
  /** Undefined: none. */
  readonly accessories?: readonly AccessorySpec[];
  readonly smoke: readonly SmokeCheck[];
  readonly strategy: StrategySpec;
  /** When the environment takes deploys. Undefined: always. */
  readonly schedule?: DeploySchedule;
  readonly subject: string;
  /** Keys whose artifacts are there already. */
  readonly cached: ReadonlySet<BuildKey>;
  /** What people should know: proposed `persist`, overlapping routes, a port that seems hard-coded. */
  readonly notes: readonly string[];
}
