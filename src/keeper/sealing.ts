import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Records of what runs hold its variables, secrets among them. They are encrypted (AES-256-GCM) with a key that lies apart from them, so
 * that a copy of their folder gives nothing away. Whoever may read the key and the records may read the variables: it is no lock against
 * the owner of the home.
 */
export interface Sealing {
  /** @param id bound to the text: it opens under the same id alone. */
  seal(text: string, id: string): string;
  /** What is not sealed comes back as it is: older versions sealed nothing. @throws Error when it was changed or the key is another. */
  open(text: string, id: string): string;
}

export const noSealing: Sealing = { seal: (text) => text, open: (text) => text };

const prefix = 'sealed1:';

/** @param keyFile made (0600) when it is missing, by whoever comes first. */
export function openSealing(keyFile: string): Sealing {
  const key = readKey(keyFile) ?? makeKey(keyFile);
  return {
    seal: (text, id) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(id));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open: (text, id) => {
      if (!text.startsWith(prefix)) return text;
      const bytes = Buffer.from(text.slice(prefix.length), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
        .setAAD(Buffer.from(id))
        .setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    },
  };
}

function readKey(file: string): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) throw new Error(`${file} holds no key.`);
  return key;
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function makeKey(file: string): Buffer {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const fd = openSync(draft, 'wx', 0o600);
  try {
    writeSync(fd, `${randomBytes(32).toString('base64')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    linkSync(draft, file);
    // On disk before anything that only it opens.
    syncFolder(dirname(file));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readKey(file);
  if (key === null) throw new Error(`${file} vanished while it was being made.`);
  return key;
}
