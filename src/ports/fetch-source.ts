import type { AppName } from '../domain/values.ts';
import type { SourceVersion } from './source.ts';

/** Brings source from where its people push it. Beside `Source`, into the same place. */
export interface FetchSource {
  /**
   * Fetches one branch or tag and keeps its commit if it is the one that is expected; nothing else is fetched, neither submodules
   * nor large files kept elsewhere. The repository's identity has to match the app's first one.
   * @throws FORGE_UNREACHABLE, FORGE_REFUSED, FORGE_TOO_LARGE, APP_TAKEN, BAD_REQUEST, NO_SPACE.
   */
  fetch(app: AppName, wanted: FetchRequest): Promise<Fetched>;
  /** What a branch or tag leads to there; null: there is none. Throws as `fetch` does. */
  head(app: AppName, wanted: Omit<FetchRequest, 'sha'>): Promise<string | null>;
}

export interface FetchRequest {
  /** Address without any secret; https, or ssh with a key. */
  readonly url: string;
  readonly ref: string;
  /** The commit that `ref` is expected to lead to. */
  readonly sha: string;
  readonly access: FetchAccess;
}

export interface FetchAccess {
  /** For https: the password that a token is. */
  readonly token?: { readonly user: string; readonly secret: string };
  /** For ssh: file (0600) of the private key, and the file of host keys, which is ours and grows by the first one seen. */
  readonly key?: { readonly file: string; readonly knownHosts: string };
}

export type Fetched =
  | { readonly found: 'expected'; readonly version: SourceVersion }
  /** It leads elsewhere by now, or (null) is gone. */
  | { readonly found: 'other'; readonly head: string | null };
