import { writeSync } from 'node:fs';
import { openFileSecrets } from '../../../src/adapters/secrets/files/secrets.ts';
import type { AppName, EnvironmentName, WallTime } from '../../../src/domain/values.ts';

/** Sets values and exchanges the key until it is killed; a line for each acknowledged version. Usage: setter <folder> <key file> */
const [, , folder = '', keyFile = ''] = process.argv;
const secrets = await openFileSecrets({ folder, keyFile, passphrase: null, wall: () => 1 as WallTime });
const id = { app: 'shop' as AppName, environment: 'production' as EnvironmentName, name: 'KEY' };

async function rotateForever(): Promise<never> {
  for (;;) {
    await secrets.rotateKey();
    writeSync(1, 'rotated\n');
  }
}

async function setForever(): Promise<never> {
  for (let round = 0; ; round += 1) {
    const made = await secrets.set(id, Buffer.from(`value ${process.pid} ${round}`));
    writeSync(1, `ack ${made.version} value ${process.pid} ${round}\n`);
  }
}

await Promise.all([setForever(), rotateForever()]);
