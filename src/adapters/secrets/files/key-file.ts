import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import { createFile, replaceFile, syncFolder } from './disk.ts';
import type { InstallationKey } from './envelope.ts';
import { openWith, readSealed, sealWith } from './passphrase.ts';

/** The key of an installation, as it is (0600) or sealed by a passphrase: `{"format":1,"id":…,"key":…}` or `{…,"sealed":{…}}`. */
export interface KeyFile {
  readonly current: InstallationKey;
  /** Of a rotation that was interrupted. */
  readonly next: InstallationKey | null;
}

const purpose = (id: string): string => `signalbox installation key ${id}`;
export const nextFile = (file: string): string => `${file}.next`;

/**
 * @param makeNew what to do where there is none: make one, or refuse since there are secrets that it would not open.
 * @throws SECRETS_LOCKED for a key that is gone, damaged, or sealed by another passphrase.
 */
export async function openKeyFile(file: string, passphrase: string | null, makeNew: boolean): Promise<KeyFile> {
  let current = await readKey(file, passphrase);
  if (current === null) {
    if (!makeNew) throw new SignalboxError('SECRETS_LOCKED', `There are secrets, and the key that opens them, ${file}, is gone.`);
    await createFile(file, await written(newKey(), passphrase));
    current = await readKey(file, passphrase);
  }
  if (current === null) throw new SignalboxError('SECRETS_LOCKED', `${file} vanished while it was being made.`);
  const next = await readKey(nextFile(file), passphrase);
  return { current, next };
}

/** The new key is on disk before anything is encrypted with it. */
export async function beginRotation(file: string, passphrase: string | null): Promise<InstallationKey> {
  const key = newKey();
  await replaceFile(nextFile(file), await written(key, passphrase));
  return key;
}

/** Once nothing needs the old one. */
export async function endRotation(file: string): Promise<void> {
  await rename(nextFile(file), file);
  await syncFolder(dirname(file));
}

const newKey = (): InstallationKey => ({ id: randomBytes(8).toString('hex'), key: randomBytes(32) });

async function written({ id, key }: InstallationKey, passphrase: string | null): Promise<string> {
  const body =
    passphrase === null
      ? { format: 1, id, key: key.toString('base64') }
      : { format: 1, id, sealed: await sealWith(passphrase, key, purpose(id)) };
  return `${JSON.stringify(body)}\n`;
}

/** Null: there is no such file. One that lies open is sealed as soon as there is a passphrase. */
async function readKey(file: string, passphrase: string | null): Promise<InstallationKey | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new SignalboxError('SECRETS_LOCKED', `${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  const body = parsed(text);
  const id = typeof body['id'] === 'string' && /^[0-9a-f]{16}$/.test(body['id']) ? body['id'] : null;
  if (body['format'] !== 1 || id === null) throw new SignalboxError('SECRETS_LOCKED', `${file} is no key of Signalbox.`);
  if (typeof body['key'] === 'string') {
    const key = Buffer.from(body['key'], 'base64');
    if (key.length !== 32) throw new SignalboxError('SECRETS_LOCKED', `${file} is damaged: its key is cut off.`);
    if (passphrase !== null) await replaceFile(file, await written({ id, key }, passphrase));
    else if (((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
    return { id, key };
  }
  const sealed = readSealed(body['sealed']);
  if (sealed === undefined) throw new SignalboxError('SECRETS_LOCKED', `${file} is damaged: it holds no key.`);
  if (passphrase === null)
    throw new SignalboxError('SECRETS_LOCKED', `${file} is sealed by a passphrase, and SIGNALBOX_SECRETS_PASSPHRASE is not set.`);
  const key = await openWith(passphrase, sealed, purpose(id));
  if (key?.length !== 32)
    throw new SignalboxError('SECRETS_LOCKED', `SIGNALBOX_SECRETS_PASSPHRASE does not open ${file} (or the file was changed).`);
  return { id, key };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
