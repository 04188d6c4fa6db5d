import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PasswordOwner, Passwords } from '../../../ports/passwords.ts';

/**
 * A file (0600) for each, `<folder>/<app>/<environment>/<accessory>`.
 * @param secret makes a new one; characters that are plain in URLs, shells and configuration files.
 */
export function filePasswords(folder: string, secret: () => string): Passwords {
  const fileOf = ({ app, environment, accessory }: PasswordOwner): string => join(folder, app, environment, accessory);
  return {
    of: async (owner) => {
      const file = fileOf(owner);
      return (await read(file)) ?? create(file, secret());
    },
    forget: (owner) => rm(fileOf(owner), { force: true }),
  };
}

const read = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });

/** Appears whole, and once: of two that are made at the same time the first counts for both. */
async function create(file: string, secret: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${secret.slice(0, 6)}`;
  await writeFile(draft, secret, { mode: 0o600, flush: true });
  try {
    await link(draft, file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(file, 'utf8');
}
