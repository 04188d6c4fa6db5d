import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * git's `proc-receive` hook: a bridge to the control plane, which has started the git that runs it and is at the other end of
 * descriptors 3 (git's questions and the answers) and 4 (lines for the pusher). It ends when the control plane does: git then
 * moves nothing, as it has no answer.
 */
const text = `#!/bin/sh
# Made by Signalbox: hands what is pushed to the control plane, and its answer back to git.
exec 5<&0
cat <&5 >&3 2>/dev/null &
cat <&4 >&2 3<&- 5<&- &
exec 5<&- 4<&-
exec cat <&3
`;

/** Writes the folder of hooks, as a whole file or not at all. @returns the folder, for core.hooksPath. */
export async function installHook(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'proc-receive');
  if ((await readFile(file, 'utf8').catch(() => null)) === text) return folder;
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o700 });
  await chmod(draft, 0o700);
  await rename(draft, file);
  return folder;
}
