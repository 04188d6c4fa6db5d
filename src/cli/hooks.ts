import { chmod, lstat, mkdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import { userGit } from './git.ts';
import { chainedName, type HookName, hookNames, hookState, type HookState, hookText } from './hook-files.ts';
import type { Invocation } from './invocation.ts';

export interface HooksOptions {
  /** Run a hook that is there already before ours. */
  readonly chain?: boolean;
}

interface Found {
  readonly hook: HookName;
  readonly file: string;
  readonly state: HookState;
  /** One that was there before waits beside it. */
  readonly chained: boolean;
}

/** Sets up the hooks of the repository here, all or none. @throws HOOK_FOREIGN, NO_SOURCE */
export async function installHooks(invocation: Invocation, { chain = false }: HooksOptions): Promise<ExitCode> {
  const { terminal } = invocation;
  const folder = await hooksFolder(invocation);
  const found = await look(folder);
  const refused = found.filter(({ state, chained }) => state === 'edited' || (state === 'foreign' && (!chain || chained)));
  if (refused.length > 0)
    throw new SignalboxError(
      'HOOK_FOREIGN',
      `${list(refused)} ${refused.length === 1 ? 'is' : 'are'} there already, and not ours.`,
      {
        details: { files: refused.map(({ file }) => file) },
      },
    );
  await mkdir(folder, { recursive: true });
  const program = { node: process.execPath, script: process.argv[1] ?? fileURLToPath(import.meta.url) };
  for (const { hook, file, state } of found) {
    if (state === 'foreign') await rename(file, join(folder, chainedName(hook)));
    const beside = `${file}.new-${process.pid}`;
    await writeFile(beside, hookText(hook, program), { flag: 'wx' });
    await chmod(beside, 0o755);
    await rename(beside, file);
    terminal.say(`${terminal.paint.green('✓')} ${hook}${state === 'foreign' ? ', after the one that was there' : ''}`);
  }
  terminal.say(
    'Before a commit: secrets in what is staged, and the lint of the services it changes. Before a push: diverged branches.',
  );
  terminal.say('Past them: --no-verify. Away with them: signalbox hooks remove');
  terminal.result({ folder, hooks: (await look(folder)).map(shown) });
  return exitCodes.done;
}

/** Takes the hooks away, and puts back what was there before. @throws HOOK_FOREIGN for one of ours that was changed */
export async function removeHooks(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const folder = await hooksFolder(invocation);
  const found = await look(folder);
  const edited = found.filter(({ state }) => state === 'edited');
  if (edited.length > 0)
    throw new SignalboxError('HOOK_FOREIGN', `${list(edited)} was changed since it was made.`, {
      hint: 'Remove it by hand; what you have added to it would be lost.',
      details: { files: edited.map(({ file }) => file) },
    });
  for (const { hook, file, state, chained } of found) {
    if (state !== 'ours') continue;
    await rm(file);
    if (chained) await rename(join(folder, chainedName(hook)), file);
    terminal.say(`${terminal.paint.green('✓')} ${hook} removed${chained ? '; the one that was there before is back' : ''}`);
  }
  // A folder that others use is not empty.
  await rmdir(folder).catch(() => undefined);
  terminal.result({ folder, hooks: (await look(folder)).map(shown) });
  return exitCodes.done;
}

/** What there is of hooks. */
export async function showHooks(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const folder = await hooksFolder(invocation);
  const found = await look(folder);
  terminal.result({ folder, hooks: found.map(shown) });
  const says = {
    absent: 'not installed',
    ours: 'installed',
    edited: 'installed, and changed by hand',
    foreign: "somebody else's",
  };
  for (const { hook, state, chained } of found)
    terminal.say(`${hook.padEnd(10)} ${says[state]}${chained ? ', after the one that was there before' : ''}`);
  return exitCodes.done;
}

const shown = ({ hook, state, chained }: Found): object => ({ hook, state, chained });
const list = (found: readonly Found[]): string => found.map(({ file }) => plain(file)).join(' and ');

async function look(folder: string): Promise<Found[]> {
  const there = async (file: string): Promise<boolean> => (await lstat(file).catch(() => null)) !== null;
  return Promise.all(
    hookNames.map(async (hook) => {
      const file = join(folder, hook);
      // What cannot be read as a file, such as a link that leads nowhere, is somebody's all the same.
      const text = (await there(file)) ? await readFile(file, 'utf8').catch(() => '') : null;
      return { hook, file, state: hookState(hook, text), chained: await there(join(folder, chainedName(hook))) };
    }),
  );
}

/**
 * Where git looks for hooks, also in a linked work tree. One that other repositories share, or that is part of the source, is refused:
 * the paths of this machine do not belong there.
 */
async function hooksFolder({ cwd, variables }: Invocation): Promise<string> {
  const ask = async (...words: string[]): Promise<string | undefined> => {
    const asked = await userGit(['rev-parse', '--path-format=absolute', ...words], { cwd, environment: variables });
    return asked.code === 0 ? asked.stdout.replace(/\n$/, '') : undefined;
  };
  const common = await ask('--git-common-dir');
  const folder = await ask('--git-path', 'hooks');
  if (common === undefined || folder === undefined)
    throw new SignalboxError('NO_SOURCE', 'There is no git repository here, so there is nothing to guard.', {
      hint: 'Run it inside of a repository.',
    });
  const inside = async (place: string): Promise<boolean> => {
    const way = relative(await realpath(place), await realpath(folder).catch(() => folder));
    return !isAbsolute(way) && way.split('/')[0] !== '..';
  };
  if (await inside(common)) return folder;
  const top = await ask('--show-toplevel');
  const own = top !== undefined && (await inside(top));
  const ignored =
    own &&
    (await userGit(['check-ignore', '--quiet', '--', join(folder, 'pre-commit')], { cwd, environment: variables })).code === 0;
  if (ignored) return folder;
  throw new SignalboxError(
    'HOOK_FOREIGN',
    `git takes its hooks from ${plain(folder)} (core.hooksPath), which ${own ? 'is part of the source' : 'is not of this repository alone'}.`,
    {
      hint: 'Add `signalbox hooks run pre-commit` and `signalbox hooks run pre-push "$@"` to the hooks there, or take core.hooksPath away.',
      details: { folder },
    },
  );
}
