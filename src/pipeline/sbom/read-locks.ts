import { open, readdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { SignalboxError } from '../../domain/errors.ts';
import { type LockedSet, lockUnreadable } from './locked.ts';
import { readNpmLock } from './npm-lock.ts';
import { readPnpmLock } from './pnpm-lock.ts';
import { readRequirements, readTomlLock } from './python-lock.ts';
import { readYarnLock } from './yarn-lock.ts';

/** By name of the file. In one folder the first of a language is the one that counts. */
const readers: Readonly<Record<string, (file: string, content: string) => LockedSet>> = {
  'npm-shrinkwrap.json': readNpmLock,
  'package-lock.json': readNpmLock,
  'pnpm-lock.yaml': readPnpmLock,
  'yarn.lock': readYarnLock,
  'uv.lock': readTomlLock,
  'poetry.lock': readTomlLock,
  'requirements.txt': readRequirements,
};
const python = ['uv.lock', 'poetry.lock', 'requirements.txt'];

const maxBytes = 64 * 1024 * 1024;
const maxDepth = 4;
const leftOut = new Set(['node_modules', 'dist', 'build', 'venv', '__pycache__']);

export interface Locks {
  /** Relative paths of the lock files, sorted. */
  readonly files: readonly string[];
  readonly sets: readonly LockedSet[];
  readonly gaps: readonly string[];
}

/** Every lock file of a source, four folders deep. @throws LOCK_UNREADABLE, LOCK_MISSING when there is none */
export async function readLocks(folder: string): Promise<Locks> {
  const files = (await find(folder, '', 0)).toSorted();
  if (files.length === 0)
    throw new SignalboxError(
      'LOCK_MISSING',
      `There is no lock file in ${folder}, so the versions of its packages are not known.`,
    );
  const sets: LockedSet[] = [];
  for (const file of files) {
    const read = readers[file.slice(file.lastIndexOf('/') + 1)];
    if (read !== undefined) sets.push(read(file, await contentOf(folder, file)));
  }
  return { files, sets, gaps: sets.flatMap(({ gaps }) => gaps) };
}

async function find(root: string, below: string, depth: number): Promise<string[]> {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  const here = Object.keys(readers).filter((name) => entries.some((entry) => entry.isFile() && entry.name === name));
  const chosen = [here.find((name) => !python.includes(name)), here.find((name) => python.includes(name))];
  const found = chosen.flatMap((name) => (name === undefined ? [] : [`${below}${name}`]));
  if (depth === maxDepth) return found;
  for (const entry of entries)
    if (entry.isDirectory() && !entry.name.startsWith('.') && !leftOut.has(entry.name))
      found.push(...(await find(root, `${below}${entry.name}/`, depth + 1)));
  return found;
}

async function contentOf(folder: string, file: string): Promise<string> {
  const handle = await open(join(folder, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: NodeJS.ErrnoException) => {
      throw lockUnreadable(file, `it cannot be opened (${cause.code ?? 'unknown'})`);
    },
  );
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw lockUnreadable(file, `it has ${size} bytes, and ${maxBytes} are read`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
