import type { ImageRecipe } from '../domain/release.ts';
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

export interface ImageIngredients {
  readonly recipe: ImageRecipe;
  /** Input path -> hash of its git tree or blob; null: not in this version. */
  readonly trees: Readonly<Record<string, string | null>>;
  /** Build arguments. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Key of an image built from a Dockerfile. The images it starts from count by their names alone: a key that was built stays what it
 * was, wherever a tag has moved to since; a name with a digest never moves.
 */
export const imageKey = ({ recipe, trees, env }: ImageIngredients): BuildKey =>
  contentHash({ generation, image: recipe, trees, env }) as BuildKey;

/** Key of an image made elsewhere, named so that it can mean no other one. */
export const givenKey = (image: string): BuildKey => contentHash({ generation, given: image }) as BuildKey;
