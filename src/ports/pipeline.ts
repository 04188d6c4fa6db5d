import type { RunStep } from '../domain/pipeline/run.ts';
import type { AppName, EnvironmentName, Millis, RunId } from '../domain/values.ts';

/** What a commit has to go through before it may ship. */
export interface RunPlanner {
  /** @throws CONFIG_INVALID, NOTHING_DETECTED, UNKNOWN_ENVIRONMENT, UNKNOWN_SOURCE, TOOL_MISSING and the like. */
  plan(request: PlanRequest): Promise<RunPlan>;
}

export interface PlanRequest {
  readonly app: AppName;
  readonly sha: string;
  readonly folder: string;
  readonly folderName: string;
  /** Whose configuration decides what is built. */
  readonly environment: EnvironmentName;
}

export interface RunPlan {
  readonly subject: string;
  readonly steps: readonly Pick<RunStep, 'name' | 'work' | 'needs'>[];
  /** For all of it. */
  readonly timeout: Millis;
}

/** The output of steps, kept by run and step within bounds. */
export interface StepLogs {
  /** Begins anew what the step wrote before. */
  open(of: StepOutput, onLine: (line: string) => void): Promise<StepLog>;
  /**
   * From line `after` (0: the first) on, at most `limit` lines; `next` continues. Empty where nothing is kept.
   * @param find only lines with this text, whatever its case; their numbers stay those of the whole.
   */
  read(of: StepOutput, page: { readonly after: number; readonly limit: number; readonly find?: string }): Promise<StepLogPage>;
  /** What no longer is among the newest `keep` runs of its app. */
  prune(app: AppName, keep: ReadonlySet<RunId>): Promise<void>;
}

export interface StepOutput {
  readonly app: AppName;
  readonly run: RunId;
  readonly step: string;
}

export interface StepLog {
  line(text: string): void;
  /** The last lines. */
  tail(): readonly string[];
  close(): Promise<void>;
}

export interface StepLogPage {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  readonly next: number;
}
