import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of this system, found where its package puts it. */
export interface Found {
  readonly file: string;
  /** As the program says itself, e.g. `15.18`. */
  readonly version: string;
}

const debianPostgres = '/usr/lib/postgresql';

/** Every PostgreSQL server there is, newest first; each with its initdb beside it. */
export function findPostgres(path: string, debian = debianPostgres): readonly Found[] {
  const folders = [
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []),
    ...path.split(delimiter),
  ];
  const found = folders
    .filter((folder) => ['postgres', 'initdb'].every((name) => existsSync(join(folder, name))))
    .flatMap((folder) => withVersion(join(folder, 'postgres'), /(\d+(?:\.\d+)*)/));
  return found.sort((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version));
}

export function findRedis(path: string): readonly Found[] {
  const file = path
    .split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find((candidate) => existsSync(candidate));
  return file === undefined ? [] : withVersion(file, /v=(\d+(?:\.\d+)*)/);
}

/** Whether `version` is what was asked for: `7` fits 7.0.15, `7.2` does not. */
export const fits = (version: string, asked: string | undefined): boolean =>
  asked === undefined || version === asked || version.startsWith(`${asked}.`);

/** Nothing when it cannot be started. */
function withVersion(file: string, pattern: RegExp): Found[] {
  try {
    const said = execFileSync(file, ['--version'], { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] });
    const version = pattern.exec(said)?.[1];
    return version === undefined ? [] : [{ file, version }];
  } catch {
    return [];
  }
}
