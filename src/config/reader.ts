/** What configuration and detection read from: a folder on disk or a commit. Paths are relative to the repository's root. */
export interface RepositoryReader {
  /** Name of the repository's folder; the app is called after it unless the file says otherwise. */
  readonly folderName: string;
  /** A file's text, or null when there is none. */
  read(path: string): Promise<string | null>;
  /** Paths of files below `folder` (`.` for all; all levels; from the root), at most `limit`. */
  list(folder: string, limit: number): Promise<readonly string[]>;
}
