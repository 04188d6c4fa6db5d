import type { AppName } from '../domain/values.ts';

/** What a push is judged by, besides its own words. Commits named here are kept already. */
export interface PushedSource {
  /** Of `main` and `master`, the branch that was pushed first and is still there; null: none yet. */
  defaultBranch(app: AppName): Promise<string | null>;
  /** Whether `ancestor` is in the history of `sha`: if not, the branch was rewritten. */
  contains(app: AppName, sha: string, ancestor: string): Promise<boolean>;
  /** Paths of the commit whose content is not in the repository itself, at most `limit` of each. */
  notFetched(
    app: AppName,
    sha: string,
    limit: number,
  ): Promise<{ readonly modules: readonly string[]; readonly pointers: readonly string[] }>;
  /** First line of the commit message. @throws UNKNOWN_SOURCE */
  subject(app: AppName, sha: string): Promise<string>;
}
