import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkoutRoot } from '../load/program.ts';

const run = promisify(execFile);

export interface Repository {
  readonly folder: string;
  /**
   * Commits the app with another version constant: every service's code changes, and answers say `x-app: <version>`.
   * @param yaml replacements for this commit alone.
   */
  commit(version: string, yaml?: readonly Replacement[]): Promise<string>;
  remove(): Promise<void>;
}

export interface RepositoryOptions {
  /** Replacements in signalbox.yaml, each of the first place that is left; it must be found. */
  readonly yaml?: readonly Replacement[];
}

export type Replacement = readonly [found: string, instead: string];

/** A git repository with a copy of bench/app in this folder, which must not exist. */
export async function makeRepository(folder: string, options: RepositoryOptions = {}): Promise<Repository> {
  await cp(join(checkoutRoot(), 'bench/app'), folder, { recursive: true, errorOnExist: true });
  const settings = join(folder, 'signalbox.yaml');
  const yaml = replaced(await readFile(settings, 'utf8'), options.yaml ?? []);
  const git = async (...words: string[]): Promise<string> =>
    (await run('git', ['-C', folder, ...identity, ...words])).stdout.trim();
  await git('init', '--quiet', '--initial-branch=main');
  return {
    folder,
    commit: async (version, replacements = []) => {
      await writeFile(settings, replaced(yaml, replacements));
      await writeFile(join(folder, 'version.js'), `export const version = ${JSON.stringify(version)};\n`);
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `version ${version}`);
      return await git('rev-parse', 'HEAD');
    },
    remove: async () => await rm(folder, { recursive: true, force: true }),
  };
}

function replaced(text: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((yaml, [found, instead]) => {
    if (!yaml.includes(found)) throw new Error(`The app's signalbox.yaml has no "${found}" to replace.`);
    return yaml.replace(found, instead);
  }, text);
}

const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'commit.gpgsign=false'];
