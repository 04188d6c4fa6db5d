import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from './toolchain.ts';

/**
 * Folders to put in front of PATH so that a command finds pnpm and yarn where only corepack is installed; none when they are
 * installed or not asked for.
 */
export async function corepackPrograms(given: {
  readonly command: string;
  readonly searchPath: string;
  readonly folder: string;
}): Promise<string[]> {
  const missing: string[] = [];
  for (const program of ['pnpm', 'yarn'])
    if (new RegExp(`\\b${program}\\b`).test(given.command) && (await findProgram(program, given.searchPath)) === undefined)
      missing.push(program);
  const corepack = missing.length === 0 ? undefined : await findProgram('corepack', given.searchPath);
  if (corepack === undefined) return [];
  const folder = join(given.folder, 'bin');
  await mkdir(folder, { recursive: true });
  for (const program of missing) {
    await writeFile(join(folder, program), `#!/bin/sh\nexec '${corepack.replaceAll("'", `'\\''`)}' ${program} "$@"\n`);
    await chmod(join(folder, program), 0o755);
  }
  return [folder];
}
