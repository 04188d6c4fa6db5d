import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { noSealing, type Sealing } from './sealing.ts';

/** Small JSON files that are either the old or the new version, whatever happens; readable by their owner only (they hold secrets). */
export interface Records<T> {
  /** Survives a power cut when it returns, unless `volatile` (facts that are void after a boot anyway). */
  write(id: string, value: T, volatile?: boolean): void;
  /** Unreadable files are reported to `onBroken` and left where they are. */
  all(onBroken: (file: string, cause: unknown) => void): T[];
  remove(id: string): void;
}

export function openRecords<T>(folder: string, sealing: Sealing = noSealing): Records<T> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const nameOf = (id: string): string => `${encodeURIComponent(id)}.json`;
  const file = (id: string): string => join(folder, nameOf(id));
  return {
    write: (id, value, volatile = false) => writeText(file(id), sealing.seal(JSON.stringify(value), nameOf(id)), volatile),
    all: (onBroken) => {
      const values: T[] = [];
      for (const name of readdirSync(folder)) {
        if (!name.endsWith('.json')) continue;
        try {
          values.push(JSON.parse(sealing.open(readFileSync(join(folder, name), 'utf8'), name)) as T);
        } catch (cause) {
          onBroken(join(folder, name), cause);
        }
      }
      return values;
    },
    remove: (id) => rmSync(file(id), { force: true }),
  };
}

export const writeJson = (path: string, value: unknown, volatile = false): void =>
  writeText(path, JSON.stringify(value), volatile);

function writeText(path: string, text: string, volatile: boolean): void {
  const draft = `${path}.tmp`;
  const fd = openSync(draft, 'w', 0o600);
  try {
    writeSync(fd, text);
    if (!volatile) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
  if (!volatile) syncFolder(dirname(path));
}

/** Undefined when the file is missing or unreadable. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
