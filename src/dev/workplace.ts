import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { ServiceSpec } from '../domain/spec.ts';
import { type Program, type ProgramRequest, startProgram } from './program.ts';
import type { ServiceVariables } from './variables.ts';

/** Where the programs of one service run: what serves, what builds, what installs, what migrates. */
export interface Workplace {
  /** For people, in half a sentence; undefined: this machine as it is. */
  readonly says?: string;
  start(request: ProgramRequest): Program;
  has(program: string): boolean;
  /** Where on this machine the folder lies that programs see under this path. */
  seenAt(folder: string): string;
  /** The whole environment of a service's programs. @param programs folders whose programs come first. */
  environment(variables: ServiceVariables, programs: readonly string[]): Readonly<Record<string, string>>;
  /** Environment of what installs. */
  installing(): Readonly<Record<string, string>>;
  /** Undefined: what is installed is the user's own, and only added to. */
  readonly packages?: InstalledPackages;
}

/** What was installed by us, where nobody else does. */
export interface InstalledPackages {
  /** What the packages for this folder were last made from. */
  madeFrom(folder: string): string | undefined;
  made(folder: string, from: string): void;
  /** Those that were made in another image count no longer. */
  madeIn(image: string): void;
}

/** All of a session's. */
export interface Workplaces {
  /** Starts nothing. @throws DEV_UNSUPPORTED */
  of(service: ServiceSpec): Promise<Workplace>;
  /** Fetches and makes what the workplaces need, before anything is started in them. @throws SignalboxError with the reason */
  open(workplaces: readonly Workplace[]): Promise<void>;
  /** Ends and removes whatever is left of them. */
  close(): Promise<void>;
}

/** Programs as processes of this machine, with the terminal's variables. */
export function processWorkplaces(shell: Readonly<Record<string, string>>): Workplaces {
  const workplace: Workplace = {
    start: startProgram,
    has: (program) => (shell['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program))),
    seenAt: (folder) => folder,
    environment: ({ env }, programs) => ({
      ...env,
      PATH: [...programs, env['PATH'] ?? '', dirname(process.execPath)].join(delimiter),
    }),
    installing: () => ({ ...shell }),
  };
  return { of: () => Promise.resolve(workplace), open: () => Promise.resolve(), close: () => Promise.resolve() };
}
