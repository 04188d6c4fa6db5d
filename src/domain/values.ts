/** Names and quantities of the whole system. Branded, so that one is never passed for another. */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A length of time in milliseconds. Written as "30s" by people (see `config/duration.ts`). */
export type Millis = Branded<number, 'Millis'>;
/**
 * A point on the installation's own monotonic time line, in milliseconds. It runs only while a control plane runs and never
 * jumps with the wall clock, so deadlines and bakes measure time in which somebody was watching.
 */
export type Instant = Branded<number, 'Instant'>;
/**
 * Wall-clock time for people, milliseconds since 1970 UTC. Never compared to decide anything, but for the windows of deploys, which are
 * times of people's clocks.
 */
export type WallTime = Branded<number, 'WallTime'>;

export type AppName = Branded<string, 'AppName'>;
export type EnvironmentName = Branded<string, 'EnvironmentName'>;
export type ServiceName = Branded<string, 'ServiceName'>;
/** `<app>/<environment>/v<number>`. */
export type ReleaseId = Branded<string, 'ReleaseId'>;
/** `<app>-<environment>-<service>-<12 hex>`: file-name safe, a hash of everything that makes the workload what it is. */
export type WorkloadId = Branded<string, 'WorkloadId'>;
/** `<workload>.<n>`: one running copy. */
export type InstanceId = Branded<string, 'InstanceId'>;
export type RolloutId = Branded<string, 'RolloutId'>;
/** One run of a pipeline. Sorts by creation. */
export type RunId = Branded<string, 'RunId'>;
/** Hex SHA-256 over everything that goes into a build; names the artifact. */
export type BuildKey = Branded<string, 'BuildKey'>;
/** Grows with each control plane that takes the lease; data plane and runtime refuse older ones. */
export type Epoch = Branded<number, 'Epoch'>;

export const millis = (n: number): Millis => n as Millis;
export const instant = (n: number): Instant => n as Instant;
export const after = (at: Instant, wait: Millis): Instant => (at + wait) as Instant;
/** As people write it: 300000 is "5m", 90000 is "90s". */
export const durationText = (ms: number): string => {
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
};
export const between = (from: Instant, to: Instant): Millis => (to - from) as Millis;

/** The one key of an environment's state: `<app>/<environment>`. */
export type EnvironmentKey = Branded<string, 'EnvironmentKey'>;
export const environmentKey = (app: AppName, environment: EnvironmentName): EnvironmentKey =>
  `${app}/${environment}` as EnvironmentKey;
export const releaseId = (app: AppName, environment: EnvironmentName, number: number): ReleaseId =>
  `${app}/${environment}/v${number}` as ReleaseId;
