import { randomBytes } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Written last, so that a folder that has it is a whole artifact. */
const markerName = '.signalbox-artifact.json';
const trashName = '.trash';

export interface ArtifactMarker {
  readonly key: string;
  readonly sha: string;
  /** Milliseconds since 1970. */
  readonly builtAt: number;
  readonly bytes: number;
}

export interface StoredArtifact extends ArtifactMarker {
  readonly app: string;
  readonly folder: string;
}

/** Null unless the artifact is there and whole. A marker that came with the source names another key. */
export async function readMarker(folder: string, key: string): Promise<ArtifactMarker | null> {
  const text = await readFile(join(folder, markerName), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const marker = JSON.parse(text) as ArtifactMarker;
    return marker.key === key && typeof marker.bytes === 'number' && typeof marker.builtAt === 'number' ? marker : null;
  } catch {
    return null;
  }
}

export const dropMarker = (folder: string): Promise<void> => rm(join(folder, markerName), { recursive: true, force: true });

export async function writeMarker(folder: string, marker: ArtifactMarker): Promise<void> {
  const temporary = join(folder, `${markerName}.new`);
  const handle = await open(temporary, 'w', 0o644);
  try {
    await handle.writeFile(JSON.stringify(marker));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(temporary, 0o444);
  await rename(temporary, join(folder, markerName));
}

/**
 * Makes files readable by everybody and writable by nobody, folders readable by everybody; returns the bytes of all files. A file
 * that shares its content with one elsewhere (a package store) is made a file of its own first.
 */
export async function seal(folder: string): Promise<number> {
  let bytes = 0;
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const facts = await lstat(at);
    await chmod(at, (facts.mode & 0o777) | 0o755);
    const entries = await readdir(at);
    for (let start = 0; start < entries.length; start += 16) {
      const sealed = await Promise.all(entries.slice(start, start + 16).map((name) => sealEntry(join(at, name))));
      for (const result of sealed) {
        bytes += result.bytes;
        if (result.folder !== undefined) waiting.push(result.folder);
      }
    }
  }
  return bytes;
}

async function sealEntry(path: string): Promise<{ bytes: number; folder?: string }> {
  const facts = await lstat(path);
  if (facts.isDirectory()) return { bytes: 0, folder: path };
  if (!facts.isFile()) return { bytes: 0 };
  if (facts.nlink > 1) {
    const copy = `${path}.${randomBytes(4).toString('hex')}`;
    await copyFile(path, copy);
    await rename(copy, path);
  }
  await chmod(path, (facts.mode & 0o555) | 0o444 | ((facts.mode & 0o111) === 0 ? 0 : 0o111));
  return { bytes: facts.size };
}

/** All whole artifacts; folders that are none (a build was cut off) go to `half`. */
export async function listArtifacts(root: string): Promise<{ whole: StoredArtifact[]; half: string[] }> {
  const whole: StoredArtifact[] = [];
  const half: string[] = [];
  for (const app of await folders(root)) {
    for (const key of await folders(join(root, app))) {
      const folder = join(root, app, key);
      const marker = await readMarker(folder, key);
      if (marker === null) half.push(folder);
      else whole.push({ ...marker, app, folder });
    }
  }
  return { whole, half };
}

/** Takes an artifact away at once, then removes it; a crash in between leaves it in the trash, which is emptied at the next start. */
export async function discard(root: string, folder: string): Promise<void> {
  const trash = join(root, trashName);
  await mkdir(trash, { recursive: true });
  const aside = join(trash, randomBytes(8).toString('hex'));
  try {
    await rename(folder, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true, maxRetries: 3 });
}

export const emptyTrash = (root: string): Promise<void> =>
  rm(join(root, trashName), { recursive: true, force: true, maxRetries: 3 });

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}
