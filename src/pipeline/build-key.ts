import type { BuildKey } from '../domain/values.ts';
import { contentHash } from './canonical-json.ts';

/** Everything that goes into a build. What is not here may not change its result. */
export interface BuildIngredients {
  /** Folder the command runs in. */
  readonly path: string;
  /** Input path -> hash of its git tree or blob; null: not in this version. */
  readonly trees: Readonly<Record<string, string | null>>;
  readonly command?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Program -> version. */
  readonly toolchain: Readonly<Record<string, string>>;
}

/** Raised when the way of building changes, so that no artifact of the old way is taken for one of the new. */
const generation = 1;

/** Services with the same ingredients share one artifact. Without a command only the trees count. */
export function buildKey(given: BuildIngredients): BuildKey {
  const made =
    given.command === undefined ? {} : { path: given.path, command: given.command, env: given.env, toolchain: given.toolchain };
  return contentHash({ generation, trees: given.trees, ...made }) as BuildKey;
}
