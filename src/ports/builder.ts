import type { ErrorCode } from '../domain/errors.ts';
import type { BuildRecipe } from '../domain/release.ts';
import type { AppName, Millis, ServiceName } from '../domain/values.ts';

/** Turns a source version into an artifact. The same key never builds twice; concurrent calls for one key share the build. */
export interface Builder {
  build(request: BuildRequest): Promise<BuildResult>;
  /** Whether the artifact of this recipe is there and whole. */
  has(app: AppName, recipe: BuildRecipe): Promise<boolean>;
  /** Removes artifacts that are not in `keep` beyond the limits, oldest first. Returns bytes freed. */
  prune(keep: ReadonlySet<string>, limits: { readonly count: number; readonly bytes: number }): Promise<number>;
}

export interface BuildRequest {
  readonly app: AppName;
  readonly service: ServiceName;
  readonly sha: string;
  readonly recipe: BuildRecipe;
  readonly signal?: AbortSignal;
  /** Each line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

/** `timed-out` and `cancelled` leave nothing behind, like every failure. */
export type BuildResult =
  | { readonly ok: true; readonly cached: boolean; readonly duration: Millis; readonly bytes: number }
  | {
      readonly ok: false;
      readonly end: 'failed' | 'timed-out' | 'cancelled' | 'no-space';
      readonly exitCode: number | null;
      readonly tail: readonly string[];
      /** A reason of its own, in place of the one that `end` gives. */
      readonly because?: { readonly code: ErrorCode; readonly message: string };
    };
