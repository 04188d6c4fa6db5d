import type { BuildRecipe } from '../release.ts';
import type { AppName, EnvironmentName, Instant, Millis, RolloutId, RunId, ServiceName, WallTime } from '../values.ts';
import type { StepSpec } from './spec.ts';

export const runPhases = ['queued', 'running', 'deploying', 'succeeded', 'failed', 'cancelled', 'superseded'] as const;
/** Where a run stands. The last four are final. */
export type RunPhase = (typeof runPhases)[number];
export const isRunOver = (phase: RunPhase): boolean => ['succeeded', 'failed', 'cancelled', 'superseded'].includes(phase);

/** Why a run or a step did not succeed. */
export interface RunReason {
  /** From the error catalogue. */
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  /** The last lines of its output. */
  readonly log?: readonly string[];
}

/** `skipped`: what it needs did not pass, or the run ended before it began. */
export type StepState = 'waiting' | 'running' | 'passed' | 'failed' | 'cancelled' | 'skipped';

/** What a step does. A build makes the artifact of a service; a command runs in a copy of it. */
export type StepWork =
  | { readonly type: 'build'; readonly service: ServiceName; readonly recipe: BuildRecipe }
  | { readonly type: 'command'; readonly spec: StepSpec; readonly recipe: BuildRecipe };

export interface RunStep {
  readonly name: string;
  readonly work: StepWork;
  readonly needs: readonly string[];
  readonly state: StepState;
  /** Tries begun so far. */
  readonly tries: number;
  readonly startedAt: WallTime | null;
  readonly endedAt: WallTime | null;
  readonly exitCode: number | null;
  /** It was there already, as with a build of the same key. */
  readonly cached: boolean;
  readonly reason: RunReason | null;
}

/** One environment that the run ships to, when all steps have passed, after the one before it. */
export interface RunDeploy {
  readonly environment: EnvironmentName;
  readonly rollout: RolloutId | null;
  /** `live`: all its traffic is on the release. `same`: the environment runs this very content already. */
  readonly state: 'waiting' | 'asked' | 'live' | 'same' | 'failed';
}

/** Who asked for it. */
export interface RunCause {
  readonly by: 'push' | 'webhook' | 'command';
  /** Name as they gave it, for people; never trusted. */
  readonly who: string;
}

export interface Run {
  readonly id: RunId;
  readonly app: AppName;
  readonly sha: string;
  readonly subject: string;
  /** `refs/heads/main`; null: a commit by itself. A newer run of the same ref takes its place. */
  readonly ref: string | null;
  readonly folder: string;
  readonly folderName: string;
  readonly dirty: boolean;
  readonly cause: RunCause;
  readonly phase: RunPhase;
  readonly steps: readonly RunStep[];
  readonly deploys: readonly RunDeploy[];
  readonly reason: RunReason | null;
  /** A person or a newer run wants it to end; what is under way is being ended. */
  readonly ending: 'cancelled' | 'superseded' | 'failed' | null;
  readonly createdAt: WallTime;
  readonly startedAt: WallTime | null;
  readonly endedAt: WallTime | null;
  /** Of all steps together. */
  readonly timeout: Millis;
  /** When `timeout` is over; null: it has not begun. */
  readonly deadline: Instant | null;
}
