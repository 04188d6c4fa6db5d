import type { Arm } from './route-table.ts';
import type { AccessorySpec } from './spec.ts';
import type { AppName, EnvironmentKey, EnvironmentName, ReleaseId, WallTime } from './values.ts';

/** Decisions about one environment: what shall run and who gets the traffic. The world is made to follow it. */
export interface EnvironmentState {
  readonly key: EnvironmentKey;
  readonly app: AppName;
  readonly environment: EnvironmentName;
  /** Arms with weight; empty before the first switch. Adds up to 10,000 or is empty. */
  readonly arms: readonly Arm[];
  /** Last release that went through its bake. */
  readonly proven: ReleaseId | null;
  readonly traffic: { readonly kind: 'open' | 'hold' | 'stop'; readonly message?: string };
  readonly candidateToken: string;
  readonly nextRelease: number;
  /** Service -> inputs hash of the release command that last succeeded here. */
  readonly commandsDone: Readonly<Record<string, string>>;
  /** `<caller workload>><service>` -> link slot of the data plane. */
  readonly links: Readonly<Record<string, number>>;
  /**
   * Accessories that shall run, by name, each as it was first declared or last applied: no release and no way back changes one.
   * Undefined: none.
   */
  readonly accessories?: Readonly<Record<string, AccessorySpec>>;
  /** Who keeps the changes of others away. Undefined: nobody. */
  readonly lock?: EnvironmentLock;
  /** Grows with each change. */
  readonly revision: number;
}

/**
 * Keeps the deploys, promotions and traffic changes of others away from an environment. An agreement between people who trust each
 * other, no permission: who somebody is, is what they say. Rollbacks and aborts pass.
 */
export interface EnvironmentLock {
  /** A person and a machine as a rule: `Ana on laptop`. */
  readonly owner: string;
  readonly reason: string;
  readonly since: WallTime;
}

/** The release with all traffic; null while it is split or there is none. */
export function liveRelease(environment: EnvironmentState): ReleaseId | null {
  return environment.arms.length === 1 ? (environment.arms[0]?.release ?? null) : null;
}

/** The release that answers for a failing canary: the stable arm. */
export function stableRelease(environment: EnvironmentState): ReleaseId | null {
  return environment.arms.find((arm) => arm.role === 'stable')?.release ?? null;
}

export function newEnvironment(names: { app: AppName; environment: EnvironmentName; candidateToken: string }): EnvironmentState {
  return {
    key: `${names.app}/${names.environment}` as EnvironmentKey,
    app: names.app,
    environment: names.environment,
    arms: [],
    proven: null,
    traffic: { kind: 'open' },
    candidateToken: names.candidateToken,
    nextRelease: 1,
    commandsDone: {},
    links: {},
    revision: 0,
  };
}
