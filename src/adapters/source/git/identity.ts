import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What a repository is known by: `root:<sha>` for each first commit of its history and `origin:<hash>` for the address it was
 * cloned from. Two sources are the same repository when they share one of them.
 */
export type Identity = ReadonlySet<string>;

const fileName = 'signalbox-identity.json';

/** Where it is on record whose the app's name is; without the file the next repository gets it. */
export const identityFile = (gitDir: string): string => join(gitDir, fileName);

/** Null when nothing was received yet. */
export async function readIdentity(gitDir: string): Promise<Identity | null> {
  const text = await readFile(identityFile(gitDir), 'utf8').catch(() => null);
  if (text === null) return null;
  const parsed: unknown = JSON.parse(text);
  return new Set(Array.isArray(parsed) ? parsed.filter((entry): entry is string => typeof entry === 'string') : []);
}

/** Replaces the record as a whole, so that a crash leaves the old one or the new one. */
export async function writeIdentity(gitDir: string, identity: Identity): Promise<void> {
  const temporary = join(gitDir, `${fileName}.new`);
  await writeFile(temporary, JSON.stringify([...identity].sort()), { mode: 0o600, flush: true });
  await rename(temporary, identityFile(gitDir));
}

export const isSame = (known: Identity, given: Identity): boolean => [...given].some((mark) => known.has(mark));
