/** A line for the shell, and the folder it is run in, relative to the repository. */
export interface CheckCommand {
  readonly command: string;
  readonly folder: string;
}

/** By what a service's source can be checked, from what its repository declares. Nothing is made up: what is not there is undefined. */
export interface CheckFacts {
  /** Undefined: neither, so nothing is known of it. */
  readonly language: 'node' | 'python' | undefined;
  /** `20`, `3.12`. */
  readonly version: string;
  /** Whose downloads are worth keeping between runs; undefined: nobody's, or without a lock file to know them by. */
  readonly cache?: { readonly manager: 'npm' | 'pnpm' | 'yarn' | 'pip'; readonly files: readonly string[] };
  /** Brings the package manager; needs no file. */
  readonly tools: readonly string[];
  readonly install?: CheckCommand;
  readonly lint?: CheckCommand;
  /** Looks at the form only, and changes nothing. */
  readonly format?: CheckCommand;
  readonly types?: CheckCommand;
  /** Builds after the install, in order. */
  readonly build: readonly CheckCommand[];
  readonly test?: CheckCommand;
  /** Files and folders outside of the service's own that its checks read. */
  readonly elsewhere: readonly string[];
  /** Variables that only tests read: `DATABASE_URL_TEST`, `TEST_DATABASE_URL`. */
  readonly testVariables: readonly string[];
}
