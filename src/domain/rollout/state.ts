import type { BakeWatch } from '../bake-watch.ts';
import type { GateState } from '../gate.ts';
import type { EnvironmentKey, Instant, Millis, ReleaseId, RolloutId, WallTime, WorkloadId } from '../values.ts';
import type { RolloutKind, RolloutPlan } from './plan.ts';

export const phases = [
  'queued',
  'preparing',
  'starting',
  'verifying',
  'shifting',
  'baking',
  'rolling-back',
  'held',
  'succeeded',
  'rolled-back',
  'failed',
  'cancelled',
  'superseded',
] as const;

/** Where a rollout stands; docs/states.md is printed from this and `moves`. */
export type Phase = (typeof phases)[number];

export const terminalPhases = [
  'succeeded',
  'rolled-back',
  'failed',
  'cancelled',
  'superseded',
] as const satisfies readonly Phase[];
export type TerminalPhase = (typeof terminalPhases)[number];
export const isTerminal = (phase: Phase): phase is TerminalPhase => (terminalPhases as readonly Phase[]).includes(phase);

/** Why a rollout failed, was undone or is held: said once, shown everywhere. */
export interface Reason {
  /** From the error catalogue. */
  readonly code: string;
  readonly message: string;
  readonly service?: string;
  /** The app's own last log lines, where it was the app. */
  readonly log?: readonly string[];
  /** While an undoing is stuck: why it was begun. It is the reason again once the undoing is through. */
  readonly undoing?: Reason;
}

/** Something the executor was asked for and has not answered yet. Persisted with the rollout, so a crash loses none. */
export interface OutstandingEffect {
  readonly id: string;
  readonly effect: Effect;
}

/**
 * What a rollout asks of the world, in the core's words. Each is idempotent; its result comes back as an event naming the id.
 * What shall run needs no effect: it is derived from the rollouts themselves (desired.ts) and the world is made to follow.
 */
export type Effect =
  /** Build every artifact of the plan that is not there yet. */
  | { readonly type: 'build' }
  /** Wait until the accessories of the plan are healthy. */
  | { readonly type: 'accessories' }
  /** Runs at most once per rollout. */
  | { readonly type: 'release-command'; readonly service: string }
  /** Make the release reachable as a candidate, then run the smoke list against it. */
  | { readonly type: 'smoke-candidate' }
  /** Publish the environment's traffic (decided and stored with this effect) and wait until every worker serves it. */
  | { readonly type: 'publish' }
  /** Wait until the release that traffic is to go back to serves; it was not kept warm. */
  | { readonly type: 'warm-up' }
  /** Run the smoke list on the public route. */
  | { readonly type: 'smoke-route' };

/** Phases a rollout can be held in. */
export type HoldablePhase = Exclude<Phase, 'held' | TerminalPhase>;

export interface Rollout {
  readonly id: RolloutId;
  readonly environment: EnvironmentKey;
  readonly kind: RolloutKind;
  readonly release: ReleaseId;
  readonly plan: RolloutPlan;
  readonly phase: Phase;
  /** Set while `held`: where it goes on. */
  readonly heldIn: HoldablePhase | null;
  /** Why it is held, was undone or failed. */
  readonly reason: Reason | null;
  /** The phase that follows `rolling-back`. */
  readonly endsAs: 'rolled-back' | 'superseded' | null;
  /** Release that had all traffic when this one was cleared to shift; null on a first deploy. */
  readonly from: ReleaseId | null;
  /** Where an automatic rollback goes: the last proven release, kept warm while this rollout runs. */
  readonly fallback: ReleaseId | null;
  /** Index into plan.steps of the weight that is (or is being) served; -1 before the first shift. */
  readonly step: number;
  /** Some worker may have served a table with this release in it. */
  readonly trafficMoved: boolean;
  /** Every worker serves the table of `step`. */
  readonly stepServed: boolean;
  /** Index into plan.steps whose replicas shall run (a rolling strategy grows ahead of its weight). */
  readonly scale: number;
  /** Release commands still to run, in order. */
  readonly commandsLeft: readonly string[];
  /** The accessories of the plan were all seen healthy. Undefined: not yet, or there are none. */
  readonly accessoriesReady?: boolean;
  /** Workloads of the plan that must be healthy at this point, and how they are. */
  readonly health: Readonly<Record<WorkloadId, WorkloadHealth>>;
  /** Crashes of its workloads on record with the runtime when it was cleared for traffic: one more is a crash with traffic. */
  readonly crashesAtClearance: Readonly<Record<WorkloadId, number>>;
  /** Most of them that were healthy at once while they started. */
  readonly mostHealthy: number;
  /** The candidate passed its smoke list; waits for clearance. */
  readonly verified: boolean;
  readonly routeSmokePassed: boolean;
  /** Baking: a service that may not run twice has not been healthy since the switch, and its requests wait. */
  readonly exchanging?: boolean;
  /** Error baseline of the stable release at clearance. */
  readonly baseline: TrafficBaseline;
  readonly gate: GateState | null;
  readonly bake: BakeWatch | null;
  /** When the last change of traffic was decided, its checks just passed (or its failure just seen). */
  readonly movingSince: Instant | null;
  /** When the clock of the current phase runs out; null when it has none or stands still. */
  readonly deadline: Instant | null;
  /** Time left on a clock that stands still (pause, hold, blind observation). */
  readonly clockLeft: Millis | null;
  readonly outstanding: readonly OutstandingEffect[];
  readonly nextEffect: number;
  readonly times: RolloutTimes;
  /** The rollout that replaced or will replace this one. */
  readonly supersededBy: RolloutId | null;
  /** Requests of the environment seen by the data plane while this rollout ran. */
  readonly traffic: { readonly served: number; readonly dropped: number };
  /** Counters at the last observation, by release. */
  readonly cursor: Readonly<Record<ReleaseId, ReleaseCounters>>;
}

export interface WorkloadHealth {
  readonly healthy: boolean;
  /** Last thing that was wrong with it. */
  readonly reason: Reason | null;
}

export interface TrafficBaseline {
  readonly requests: number;
  readonly errors: number;
}

/** Absolute counters of a release as the data plane shows them; they may start again from zero. */
export interface ReleaseCounters {
  readonly requests: number;
  readonly errors: number;
  readonly dropped: number;
}

/** Milliseconds of wall clock, for people. `switchMs` is measured, monotonic. */
export interface RolloutTimes {
  readonly createdAt: WallTime;
  readonly startedAt: WallTime | null;
  readonly liveAt: WallTime | null;
  readonly endedAt: WallTime | null;
  /** Last required check passed -> commit acknowledged by every worker. */
  readonly switchMs: number | null;
  /** Failure seen -> old table acknowledged by every worker. */
  readonly restoreMs: number | null;
}
