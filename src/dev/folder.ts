import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type EnvEntry, parseEnvFile } from '../config/env-file.ts';
import { readPackageJson } from '../config/detect/package-json.ts';
import type { FolderFacts } from './command.ts';
import { envFileNames, type ReadEnvFile } from './variables.ts';

/** A service's folder inside the repository; both absolute. */
export interface ServicePlace {
  readonly root: string;
  readonly folder: string;
}

const read = (file: string): string | null => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
};

/** From the folder up to the repository's root, nearest first. */
export function upwards({ root, folder }: ServicePlace): string[] {
  const found: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    found.push(at);
    if (at === root || at === dirname(at)) return found;
  }
}

const locks = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
] as const;

export interface LockFile {
  readonly file: string;
  readonly manager: 'npm' | 'pnpm' | 'yarn' | 'bun';
}

/** The nearest lock file. */
export function lockFile(place: ServicePlace): LockFile | undefined {
  for (const at of upwards(place))
    for (const [name, manager] of locks) if (existsSync(join(at, name))) return { file: join(at, name), manager };
  return undefined;
}

/** @param installed whether a program is on the search path: without it scripts are run by npm, which Node brings. */
export async function folderFacts(place: ServicePlace, installed: (program: string) => boolean): Promise<FolderFacts> {
  const has = (file: string): boolean => existsSync(join(place.folder, file));
  const manifest = await readPackageJson({
    path: '.',
    files: [],
    has,
    read: (file) => Promise.resolve(read(join(place.folder, file))),
    fromRoot: (file) => file,
  });
  const manager = lockFile(place)?.manager ?? 'npm';
  const procfile = read(join(place.folder, 'Procfile.dev')) ?? '';
  const lines = [...procfile.matchAll(/^([A-Za-z][\w-]*)\s*:\s*(\S.*)$/gm)];
  return {
    manifest,
    manager: manager === 'npm' || installed(manager) ? manager : 'npm',
    has,
    procfile: Object.fromEntries(lines.map((match) => [(match[1] ?? '').toLowerCase(), (match[2] ?? '').trim()])),
  };
}

/** Folders whose files of variables count for the service: the repository's, then its own. */
const envFolders = ({ root, folder }: ServicePlace): string[] => (root === folder ? [root] : [root, folder]);

/** Absolute paths of all files of variables that count, whether they are there or not. */
export const envFilePaths = (place: ServicePlace): string[] =>
  envFolders(place).flatMap((folder) => envFileNames.map((name) => join(folder, name)));

/** Weakest first. */
export function readEnvFiles(place: ServicePlace): ReadEnvFile[] {
  return envFolders(place).flatMap((folder) =>
    envFileNames.flatMap((name) => {
      const text = read(join(folder, name));
      const shown = folder === place.root ? name : `${folder.slice(place.root.length + 1)}/${name}`;
      return text === null ? [] : [{ name: shown, entries: parseEnvFile(text).entries }];
    }),
  );
}

/** Of the service's own `.env.example`, or the repository's where the service has none. */
export function readExample(place: ServicePlace): readonly EnvEntry[] {
  for (const folder of [...envFolders(place)].reverse()) {
    const text = read(join(folder, '.env.example'));
    if (text !== null) return parseEnvFile(text).entries;
  }
  return [];
}
