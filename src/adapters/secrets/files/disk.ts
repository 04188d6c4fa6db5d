import { randomBytes } from 'node:crypto';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';

/** Files that are there whole or not at all, and are still there after a power cut; for their owner alone. */

export async function replaceFile(file: string, content: Uint8Array | string): Promise<void> {
  const draft = await draftOf(file, content);
  await rename(draft, file);
  await syncFolder(dirname(file));
}

/** False: there is one already, which stays as it is. */
export async function createFile(file: string, content: Uint8Array | string): Promise<boolean> {
  const draft = await draftOf(file, content);
  try {
    await link(draft, file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(file));
  return true;
}

/** What a program that was killed may leave behind. */
export const isDraft = (name: string): boolean => name.endsWith('.draft');

async function draftOf(file: string, content: Uint8Array | string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}.draft`;
  let handle: FileHandle | undefined;
  try {
    handle = await open(draft, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.sync();
  } catch (cause) {
    await rm(draft, { force: true });
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC' || (cause as NodeJS.ErrnoException).code === 'EDQUOT')
      throw new SignalboxError('NO_SPACE', 'The disk is full: the secret was not kept.', { cause });
    throw cause;
  } finally {
    await handle?.close();
  }
  return draft;
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
