import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { type UserGitResult, userGit } from './git.ts';

/** The user's folder as git knows it. Nothing here writes into it. */
export interface WorkTree {
  /** Root of the app: the folder whose content is deployed. */
  readonly appRoot: string;
  /** Null when the folder is in no git repository. */
  readonly repository: Repository | null;
}

export interface Repository {
  readonly top: string;
  /** Path of the app below `top`, empty for the top itself. */
  readonly prefix: string;
  readonly objects: string;
  readonly index: string;
  readonly excludes: string;
  readonly shallow: string | null;
  readonly origin: string | null;
  /** False before the first commit. */
  readonly hasCommits: boolean;
}

/**
 * Finds the app of a folder: the nearest folder upward, within the repository, that has a signalbox.yaml, else the folder itself.
 * @throws NO_SOURCE when there is no such folder or no git.
 */
export async function findWorkTree(folder: string, environment: Readonly<Record<string, string>>): Promise<WorkTree> {
  const start = await realpath(folder).catch((cause: unknown) => {
    throw new SignalboxError('NO_SOURCE', `There is no folder ${folder}.`, { cause });
  });
  const ask = (...args: string[]): Promise<UserGitResult> => userGit(args, { cwd: start, environment });
  const asked = await ask('rev-parse', '--show-toplevel');
  if (asked.code === null)
    throw new SignalboxError('NO_SOURCE', 'git is not installed; it is what sends the source.', { hint: 'Install git.' });
  if (asked.code !== 0) return { appRoot: start, repository: null };
  const top = asked.stdout.replace(/\n$/, '');
  const appRoot = await rootOf(start, top);
  const line = async (...args: string[]): Promise<string> =>
    (await ask('rev-parse', '--path-format=absolute', ...args)).stdout.replace(/\n$/, '');
  const shallow = await line('--git-path', 'shallow');
  const origin = await ask('config', '--get', 'remote.origin.url');
  const format = await ask('rev-parse', '--show-object-format');
  if (format.stdout.trim() !== 'sha1')
    throw new SignalboxError('NO_SOURCE', 'The repository uses SHA-256 objects, which are not supported yet.', {
      hint: 'Deploy it with --dirty from a copy without .git.',
    });
  return {
    appRoot,
    repository: {
      top,
      prefix: relative(top, appRoot),
      objects: await line('--git-path', 'objects'),
      index: await line('--git-path', 'index'),
      excludes: await line('--git-path', 'info/exclude'),
      shallow: (await exists(shallow)) ? shallow : null,
      origin: origin.code === 0 ? origin.stdout.trim() : null,
      hasCommits: (await ask('rev-parse', '--verify', '--quiet', 'HEAD^{commit}')).code === 0,
    },
  };
}

async function rootOf(start: string, top: string): Promise<string> {
  for (let at = start; ; at = dirname(at)) {
    if ((await exists(join(at, 'signalbox.yaml'))) || (await exists(join(at, 'signalbox.yml')))) return at;
    if (at === top || at === dirname(at)) return start;
  }
}

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => null)) !== null;
