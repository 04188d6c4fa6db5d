import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * One keeper per folder: a socket in the kernel's abstract namespace, gone at the very instant its process is. Its name is a secret
 * of the folder, so that no other user can take it first.
 * @returns false when another keeper holds it.
 */
export async function takeLock(dir: string): Promise<boolean> {
  const name = lockName(dir);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => (cause.code === 'EADDRINUSE' ? resolve(false) : reject(cause)));
    server.listen(`\0signalbox-keeper-${name}`, () => {
      server.unref();
      resolve(true);
    });
  });
}

/** Linked into place, so that two keepers that start at once read the same name. */
function lockName(dir: string): string {
  const file = join(dir, 'lock');
  const draft = `${file}.${process.pid}`;
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // The kernel's own random numbers, without loading a library for them.
    writeFileSync(draft, readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim(), { mode: 0o600 });
    try {
      linkSync(draft, file);
    } catch {
      // The other one was first.
    }
    rmSync(draft, { force: true });
    return readFileSync(file, 'latin1');
  }
}
