import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { type Brought, broughtByNpm, packageOf as packageByFacts } from '../domain/package-managers.ts';
import { findProgram } from './toolchain.ts';

/** What a repository says about the version it was made with; undefined: nothing. */
export interface ManagerFacts {
  /** `packageManager` of package.json. */
  readonly declared?: string | undefined;
  /** Text of the program's lock file. */
  readonly lock?: string | undefined;
  /** Text of pnpm-workspace.yaml. */
  readonly workspace?: string | undefined;
}

/** The npm package, with a version or range, that brings a package manager. */
export const packageOf = (program: Brought, { workspace, ...facts }: ManagerFacts): string =>
  packageByFacts(program, { ...facts, workspaceKeys: keysIn(workspace) });

/** A file that cannot be read says nothing. */
function keysIn(workspace: string | undefined): string[] | undefined {
  if (workspace === undefined) return undefined;
  try {
    const found: unknown = parse(workspace);
    return typeof found === 'object' && found !== null ? Object.keys(found) : [];
  } catch {
    return undefined;
  }
}

export interface ManagersToBring {
  /** Shell command that installs them. */
  readonly command: string;
  /** To put in front of PATH. */
  readonly programs: string;
}

/**
 * How to bring the package managers that a command, or a script of package.json that it runs, names and that are not installed;
 * undefined when there is nothing to bring, or no npm to bring it with.
 */
export async function managersToBring(given: {
  readonly command: string;
  readonly searchPath: string;
  /** Where the command runs. */
  readonly folder: string;
  /** Top of the source, above or equal to `folder`. */
  readonly top: string;
  /** Folder they may be installed into. */
  readonly into: string;
}): Promise<ManagersToBring | undefined> {
  const manifest = (await text(join(given.folder, 'package.json'))) ?? '';
  const scripts = /\b(?:npm|pnpm|yarn|bun)\b/.test(given.command) ? scriptsOf(manifest) : '';
  const packages: string[] = [];
  for (const program of broughtByNpm) {
    if (!new RegExp(`(?:^|[\\s;&|(])${program}(?:\\s|$)`, 'm').test(`${given.command}\n${scripts}`)) continue;
    if ((await findProgram(program, given.searchPath)) === undefined)
      packages.push(packageOf(program, await factsOf(program, given)));
  }
  if (packages.length === 0 || (await findProgram('npm', given.searchPath)) === undefined) return undefined;
  const options = '--global=false --no-save --no-audit --no-fund --prefer-offline --loglevel=error';
  return {
    command: `npm install ${options} --prefix ${quoted(given.into)} ${packages.map(quoted).join(' ')}`,
    programs: join(given.into, 'node_modules', '.bin'),
  };
}

const lockFiles: Readonly<Record<Brought, string>> = { pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock', bun: 'bun.lock' };

/** The nearest of each, from the folder up to the top of the source. */
async function factsOf(program: Brought, { folder, top }: { folder: string; top: string }): Promise<ManagerFacts> {
  let declared: string | undefined;
  let lock: string | undefined;
  let workspace: string | undefined;
  for (let at = folder; at === top || at.startsWith(`${top}/`); at = dirname(at)) {
    declared ??= declaredIn(await text(join(at, 'package.json')), program);
    lock ??= await text(join(at, lockFiles[program]));
    workspace ??= await text(join(at, 'pnpm-workspace.yaml'));
  }
  return { declared, lock, workspace };
}

function declaredIn(manifest: string | undefined, program: Brought): string | undefined {
  const { packageManager } = read(manifest);
  return typeof packageManager === 'string' && packageManager.startsWith(`${program}@`) ? packageManager : undefined;
}

function scriptsOf(manifest: string): string {
  const { scripts } = read(manifest);
  return typeof scripts === 'object' && scripts !== null ? Object.values(scripts).map(String).join('\n') : '';
}

function read(manifest: string | undefined): { packageManager?: unknown; scripts?: unknown } {
  try {
    return (JSON.parse(manifest ?? '{}') as object | null) ?? {};
  } catch {
    return {};
  }
}

const text = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
