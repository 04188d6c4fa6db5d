/** A commit's files. */
export interface CommitReader {
  read(path: string): Promise<string | null>;
  /** Paths below the folder, all levels, from the repository's root. */
  list(folder: string, limit: number): Promise<readonly string[]>;
}
