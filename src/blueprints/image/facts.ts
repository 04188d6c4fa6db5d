/** A program and its arguments, or a line for the shell, with variables that stood in front of it. */
export interface StartCommand {
  readonly env: Readonly<Record<string, string>>;
  /** `words` start as they are; `shell` needs `/bin/sh -c`. */
  readonly start: { readonly words: readonly string[] } | { readonly shell: string };
}

/** How an image shows that it is healthy; `up`: by running. */
export type ImageHealth =
  | { readonly type: 'http'; readonly path: string; readonly timeoutSeconds: number; readonly graceSeconds: number }
  | { readonly type: 'port'; readonly timeoutSeconds: number; readonly graceSeconds: number }
  | { readonly type: 'up' };

/** Everything that a Dockerfile of one service says, whatever its language. Paths are relative to the context unless said otherwise. */
export interface ImageFacts {
  readonly service: string;
  readonly language: 'node' | 'python' | 'static';
  /** Folder of the repository that is sent to the builder, `.` for all of it. */
  readonly context: string;
  /** Folder of the service inside the context, `.` for the context itself. */
  readonly path: string;
  /** Another service runs from the same files: what differs between them comes last, so that their images share the layers above. */
  readonly sharesFolder: boolean;
  /** Image to start from where nothing else is said. Never `latest`. */
  readonly base: string;
  /** Image that the build starts from, where it is another one; undefined: `base`. */
  readonly buildBase?: string;
  /** Sentences for people, put into the file as comments. */
  readonly notes: readonly string[];
  /** Commands of the build stage that need no file: package managers, a virtual environment. */
  readonly tools: readonly string[];
  /** Files that installing needs; empty: the whole source is there before anything is installed. */
  readonly manifests: readonly string[];
  /** Installs what the build needs; run in `folder`, relative to the context. */
  readonly install?: { readonly command: string; readonly folder: string };
  /** Where the package manager keeps downloads, for a cache mount; undefined: what it downloads is what the app runs from. */
  readonly cache?: DownloadCache;
  /** Run in `path`, in order. */
  readonly build: readonly string[];
  /** Files that may hold logins of registries and are not for the last stage; relative to the context. */
  readonly logins: readonly string[];
  /** Takes away what only the build needed; run in the folder that `install` fills, relative to the context. */
  readonly prune?: { readonly command: string; readonly folder: string };
  readonly buildEnv: Readonly<Record<string, string>>;
  /** Absolute folders made in the build stage and needed at run time. */
  readonly carried: readonly string[];
  /** Folders put in front of PATH, absolute. */
  readonly programs: readonly string[];
  /** Commands of the last stage, as root, before the files of the app come. */
  readonly runtimeTools: readonly string[];
  readonly runtimeEnv: Readonly<Record<string, string>>;
  /** Undefined for `static`. */
  readonly command?: StartCommand;
  /** Folder of the files to serve, relative to the context; only for `static`. */
  readonly site?: { readonly folder: string; readonly spaFallback: boolean };
  /** Undefined: it listens nowhere. */
  readonly port?: number;
  readonly health: ImageHealth;
  /** Folders that last, relative to `path`. */
  readonly persist: readonly string[];
  /** Files and folders, relative to the context, that no image should hold. */
  readonly ignored: readonly string[];
}

/** A folder that is nobody's home, so that whoever builds can use it. */
export interface DownloadCache {
  /** Absolute. */
  readonly folder: string;
  /** Settings of the package manager that lead there. */
  readonly settings: readonly string[];
}

/** Where an app lies in its image. */
export const appFolder = '/app';
/** Who runs it: a number, so that a cluster can see that it is not root. */
export const appUser = 1000;
