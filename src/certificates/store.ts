import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Puts a pair in place: each file whole or not at all, the key for its owner alone. Whoever reads in between finds a key that does
 * not fit and keeps what it had.
 */
export async function writePair(
  folder: string,
  name: string,
  pair: { readonly cert: string; readonly key: string },
): Promise<void> {
  await writeWhole(join(folder, `${name}.key`), pair.key, 0o600);
  await writeWhole(join(folder, `${name}.crt`), pair.cert, 0o644);
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const draft = join(file, '..', `.${process.pid}.${Date.now()}.draft`);
  const handle = await open(draft, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file).catch(async (cause: unknown) => {
    await rm(draft, { force: true });
    throw cause;
  });
}
