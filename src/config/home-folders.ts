import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, link, lstat, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import type { HomeLayout } from './home.ts';

/**
 * Makes the folders of a home. Keys and sockets are for their owner alone; the rest stays readable for the users that instances
 * run as. @throws HOME_UNUSABLE when a folder cannot be made or the socket folder belongs to somebody else.
 */
export async function makeHomeFolders(home: HomeLayout, uid: number): Promise<void> {
  try {
    for (const folder of [home.root, home.proxy, home.artifacts, home.logs, home.sources, home.persist, home.scratch])
      await makeFolder(folder);
    for (const folder of [home.keys, home.incoming, home.certificates]) {
      await makeFolder(folder);
      await chmod(folder, 0o700);
    }
  } catch (cause) {
    throw unusable(home, cause);
  }
  await makeRunFolder(home.run, uid);
}

/** Makes the folder of the control plane's log and, when it is asked for, opens the log. @throws HOME_UNUSABLE */
export async function openControlPlaneLog(home: HomeLayout, wanted: boolean): Promise<FileHandle | null> {
  try {
    await makeFolder(home.logs);
    return wanted ? await open(home.controlPlaneLog, 'a', 0o600) : null;
  } catch (cause) {
    throw unusable(home, cause);
  }
}

const unusable = (home: HomeLayout, cause: unknown): SignalboxError =>
  new SignalboxError('HOME_UNUSABLE', `${home.root} cannot be used: ${(cause as Error).message}.`, { cause });

/** With those above it. node's own way of doing so never ends where folders cannot be made, such as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = folder; !(await isThere(at)); at = dirname(at)) missing.unshift(at);
  for (const path of missing)
    await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
      return false;
    },
  );

/** The folder may lie in /tmp, where anybody could have made it first: it has to be a real folder of this user. */
async function makeRunFolder(folder: string, uid: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== uid)
    throw new SignalboxError('HOME_UNUSABLE', `${folder}, where the sockets go, belongs to another user.`, {
      hint: `Have its owner remove ${folder}, or choose a home with a shorter path.`,
    });
  await chmod(folder, 0o700);
}

/**
 * The API's token: the one in the file, or a new one of 256 random bits. The file is written whole or not at all, so that two
 * programs that start at once end up with the same token. @throws HOME_UNUSABLE for an empty or unreadable file.
 */
export async function ensureToken(file: string): Promise<string> {
  const kept = await readToken(file);
  if (kept !== null) return kept;
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const token = await readToken(file);
  if (token === null) throw new SignalboxError('HOME_UNUSABLE', `${file} vanished while it was being made.`);
  return token;
}

/** Null when there is none. @throws HOME_UNUSABLE for an empty or unreadable file. */
export async function readToken(file: string): Promise<string | null> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new SignalboxError('HOME_UNUSABLE', `The token in ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  if (text.length < 16)
    throw new SignalboxError('HOME_UNUSABLE', `${file} holds no usable token.`, {
      hint: `Remove ${file}; the next \`signalbox up\` writes a new one.`,
    });
  return text;
}
