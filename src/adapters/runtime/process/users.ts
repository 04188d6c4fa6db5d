import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Owner } from './scratch.ts';

/** systemd's range for users that exist only while a service runs; nothing else gives them out. */
const firstUid = 61_184;
const lastUid = 65_519;

/** Users of their own for instances: one per app and environment, the same for ever. */
export interface Users {
  /** @throws Error when all are taken. */
  of(app: string, environment: string): Owner;
}

/** @param file where they are written down. */
export function openUsers(file: string): Users {
  const given = read(file);
  return {
    of: (app, environment) => {
      const key = `${app}/${environment}`;
      let uid = given[key];
      if (uid === undefined) {
        uid = firstFree(new Set([...Object.values(given), ...knownToSystem()]));
        given[key] = uid;
        writeFileSync(`${file}.tmp`, JSON.stringify(given), { mode: 0o600 });
        renameSync(`${file}.tmp`, file);
      }
      return { uid, gid: uid };
    },
  };
}

function firstFree(taken: ReadonlySet<number>): number {
  for (let uid = firstUid; uid <= lastUid; uid++) if (!taken.has(uid)) return uid;
  throw new Error(`All users between ${firstUid} and ${lastUid} are taken.`);
}

function read(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}

function knownToSystem(): number[] {
  try {
    return ['/etc/passwd', '/etc/group'].flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => Number(line.split(':')[2])),
    );
  } catch {
    return [];
  }
}

/**
 * Tries as that user whether it can work in the folder and finds the programs.
 * @returns what is in the way, or null.
 */
export function obstacle(owner: Owner, folder: string, env: Readonly<Record<string, string>>, program: string): string | null {
  const script = 'cd "$1" 2>/dev/null || exit 10; [ -w . ] || exit 11; command -v "$2" >/dev/null 2>&1 || exit 12';
  const tried = spawnSync('/bin/sh', ['-c', script, 'check', folder, program], {
    uid: owner.uid,
    gid: owner.gid,
    cwd: '/',
    env,
    stdio: 'ignore',
    timeout: 5000,
  });
  if (tried.status === 0) return null;
  if (tried.status === 10) return `the folder ${folder} cannot be entered`;
  if (tried.status === 11) return `the folder ${folder} cannot be written`;
  if (tried.status === 12) return `the program ${program} cannot be reached`;
  return `it cannot start programs (${tried.error?.message ?? `code ${tried.status}`})`;
}
