import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Installation, install } from '../installation.ts';

export interface Workplace {
  readonly installation: Installation;
  /** For repositories and records; removed at the end. */
  readonly folder: string;
}

/** Gives the work an installation and a folder, and takes both away again: also when the work fails or is interrupted. */
export async function withInstallation(
  work: (place: Workplace) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-app-'));
  let installation: Installation | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
  interrupted.catch(() => undefined);
  try {
    installation = await install(environment);
    await Promise.race([work({ installation, folder }), interrupted]);
  } finally {
    await installation?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
