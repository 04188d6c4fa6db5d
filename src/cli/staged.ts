import { SignalboxError } from '../domain/errors.ts';
import { userGit } from './git.ts';

/** What a commit would add to a file, with a line around it. */
export interface StagedFile {
  /** From the top of the work tree. */
  readonly path: string;
  /** Added lines and the ones beside them. */
  readonly text: string;
  /** Number of each line of `text` in the file, and whether it is added. */
  readonly lines: readonly { readonly number: number; readonly added: boolean }[];
}

export interface StagedCall {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Variables by which git tells a hook which index it means: `git commit FILE` has one of its own. */
export const ofGit = (environment: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    [
      'GIT_DIR',
      'GIT_INDEX_FILE',
      'GIT_WORK_TREE',
      'GIT_PREFIX',
      'GIT_OBJECT_DIRECTORY',
      'GIT_ALTERNATE_OBJECT_DIRECTORIES',
    ].flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );

/** Files that the index adds to or changes, in git's order. @throws NO_SOURCE */
export async function stagedFiles({ cwd, environment }: StagedCall): Promise<readonly StagedFile[]> {
  const ask = async (...words: string[]): Promise<string> => {
    const asked = await userGit(
      ['diff', '--cached', '--no-ext-diff', '--no-textconv', '--no-renames', '--no-color', '--diff-filter=AMT', ...words],
      { cwd, environment, extra: ofGit(environment) },
    );
    if (asked.code !== 0) throw new SignalboxError('NO_SOURCE', `What is staged cannot be read: ${asked.stderr.trim()}`);
    return asked.stdout;
  };
  const paths = (await ask('--name-only', '-z')).split('\0').filter((path) => path !== '');
  // Each file begins with such a line, in the same order; a line of a file never does: it has a sign in front.
  const patches = (await ask('--unified=1', '--inter-hunk-context=0')).split(/^diff --git .*$/m).slice(1);
  return paths.map((path, index) => ({ path, ...addedIn(patches[index] ?? '') }));
}

function addedIn(patch: string): Pick<StagedFile, 'text' | 'lines'> {
  const texts: string[] = [];
  const lines: { number: number; added: boolean }[] = [];
  let number = 0;
  let inside = false;
  for (const line of patch.split('\n')) {
    const hunk = /^@@ -\d+(?:,\d+)? \+(\d+)/.exec(line);
    if (hunk !== null) {
      inside = true;
      number = Number(hunk[1]);
    } else if (inside && (line.startsWith('+') || line.startsWith(' '))) {
      texts.push(line.slice(1));
      lines.push({ number, added: line.startsWith('+') });
      number += 1;
    }
  }
  return { text: texts.join('\n'), lines };
}
