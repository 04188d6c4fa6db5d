import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkoutRoot } from '../load/program.ts';

const run = promisify(execFile);

export interface Repository {
  readonly folder: string;
  /** Commits the app with another version constant: every service's code changes, and answers say `x-app: <version>`. */
  commit(version: string): Promise<string>;
  remove(): Promise<void>;
}

export interface RepositoryOptions {
  /** Replacements in signalbox.yaml, each of which must be found. */
  readonly yaml?: readonly (readonly [found: string, instead: string])[];
}

/** A git repository with a copy of bench/app in this folder, which must not exist. */
export async function makeRepository(folder: string, options: RepositoryOptions = {}): Promise<Repository> {
  await cp(join(checkoutRoot(), 'bench/app'), folder, { recursive: true, errorOnExist: true });
  const settings = join(folder, 'signalbox.yaml');
  let yaml = await readFile(settings, 'utf8');
  for (const [found, instead] of options.yaml ?? []) {
    if (!yaml.includes(found)) throw new Error(`bench/app/signalbox.yaml has no "${found}" to replace.`);
    yaml = yaml.replace(found, instead);
  }
  await writeFile(settings, yaml);
  const git = async (...words: string[]): Promise<string> =>
    (await run('git', ['-C', folder, ...identity, ...words])).stdout.trim();
  await git('init', '--quiet', '--initial-branch=main');
  return {
    folder,
    commit: async (version) => {
      await writeFile(join(folder, 'version.js'), `export const version = ${JSON.stringify(version)};\n`);
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `version ${version}`);
      return await git('rev-parse', 'HEAD');
    },
    remove: async () => await rm(folder, { recursive: true, force: true }),
  };
}

const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'commit.gpgsign=false'];
