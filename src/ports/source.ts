import type { AppName } from '../domain/values.ts';

/** Where an app's source is kept, by app; filled by git bundles that clients send. Suite: test/conformance/source.ts. */
export interface Source {
  /**
   * Takes a git bundle file and makes its `ref` available. The repository's identity (its root commits) must match the
   * app's first one. @throws BAD_BUNDLE, APP_TAKEN.
   */
  receive(app: AppName, bundle: { readonly file: string; readonly ref: string }): Promise<SourceVersion>;
  /** @throws UNKNOWN_SOURCE when the SHA is not kept. */
  version(app: AppName, sha: string): Promise<SourceVersion>;
  /** Hashes of the git trees or blobs at the paths; null for a path that does not exist. */
  trees(app: AppName, sha: string, paths: readonly string[]): Promise<Readonly<Record<string, string | null>>>;
  /** A file's text, or null. */
  readFile(app: AppName, sha: string, path: string): Promise<string | null>;
  /** Paths below `folder` (all levels), at most `limit`. */
  list(app: AppName, sha: string, folder: string, limit: number): Promise<readonly string[]>;
  /** Writes the given paths of a commit into an empty folder, submodules and LFS pointers excluded. */
  checkout(app: AppName, sha: string, paths: readonly string[], destination: string): Promise<void>;
}

export interface SourceVersion {
  readonly sha: string;
  readonly subject: string;
  readonly author: string;
}
