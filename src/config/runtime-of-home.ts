import { readFileSync, writeFileSync } from 'node:fs';
import { SignalboxError } from '../domain/errors.ts';
import type { RuntimeName } from './settings-docker.ts';

/**
 * A home remembers what runs its instances: the releases on record can be started by nothing else. `serves`: some release has traffic.
 * @throws RUNTIME_CHANGED when they were started by another runtime.
 */
export function keepRuntime(file: string, given: { readonly wanted: RuntimeName; readonly serves: boolean }): void {
  const before = read(file);
  if (before !== given.wanted && before !== ended && given.serves)
    throw new SignalboxError(
      'RUNTIME_CHANGED',
      `This home runs its releases with SIGNALBOX_RUNTIME=${before}, and was started with ${given.wanted}. Nothing was changed.`,
    );
  if (before !== given.wanted) write(file, given.wanted);
}

/** All instances were ended: the next start may choose anew. */
export const forgetRuntime = (file: string): void => write(file, ended);

const ended = 'none';
const write = (file: string, text: string): void => writeFileSync(file, `${text}\n`, { mode: 0o600 });

/** A home without the file is from the time when there were processes alone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'process';
  }
}
