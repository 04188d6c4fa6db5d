import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * Opens a log for a child's stdout and stderr: straight to a file, never a pipe whose reader may die, and for append, so that
 * writers go on at the start of the file after it was truncated.
 */
export function openOutput(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
}

/** A line of the keeper's own in a child's log. A log that cannot be written is no reason to fail. */
export function note(file: string, text: string): void {
  try {
    const fd = openOutput(file);
    writeSync(fd, `[signalbox] ${text}\n`);
    closeSync(fd);
  } catch {
    // A full disk must not keep anything from running.
  }
}

export interface OutputBounds {
  /** Keeps the file below about `bytes`, with one older copy (`<file>.1`) of at most as much. */
  watch(file: string, bytes: number): void;
  unwatch(file: string): void;
  close(): void;
}

/** Quiet logs are looked at ten times a second, growing ones as often as their growth demands, at most 50 times a second. */
const quietMs = 100;
const busyMs = 20;

export function openOutputBounds(onError: (file: string, cause: unknown) => void): OutputBounds {
  const watched = new Map<string, { bytes: number; size: number; at: number }>();
  let timer: NodeJS.Timeout | undefined;

  const check = (): void => {
    let next = quietMs;
    for (const [file, seen] of watched) {
      const now = performance.now();
      let size = sizeOf(file);
      const rate = Math.max(0, size - seen.size) / Math.max(1, now - seen.at);
      if (size > seen.bytes) {
        try {
          rotate(file, seen.bytes);
        } catch (cause) {
          onError(file, cause);
        }
        size = sizeOf(file);
      }
      seen.size = size;
      seen.at = now;
      if (rate > 0) next = Math.min(next, Math.max(busyMs, (seen.bytes - size) / rate / 2));
    }
    timer = watched.size > 0 ? setTimeout(check, next) : undefined;
  };

  return {
    watch: (file, bytes) => {
      watched.set(file, { bytes, size: sizeOf(file), at: performance.now() });
      timer ??= setTimeout(check, busyMs);
    },
    unwatch: (file) => void watched.delete(file),
    close: () => {
      clearTimeout(timer);
      watched.clear();
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

const block = 256 * 1024;

/** Copies the newest `bytes` away and truncates. When the copy cannot be made (full disk) the file is truncated all the same. */
function rotate(file: string, bytes: number): void {
  const from = openSync(file, 'r+');
  try {
    try {
      copyTail(from, `${file}.1`, bytes);
    } finally {
      ftruncateSync(from, 0);
    }
  } finally {
    closeSync(from);
  }
}

function copyTail(from: number, target: string, bytes: number): void {
  const draft = `${target}.tmp`;
  const to = openSync(draft, 'w', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(block);
    const { size } = fstatSync(from);
    for (let at = Math.max(0, size - bytes); at < size; ) {
      const read = readSync(from, buffer, 0, Math.min(block, size - at), at);
      if (read === 0) break;
      writeSync(to, buffer, 0, read);
      at += read;
    }
  } catch (cause) {
    rmSync(draft, { force: true });
    throw cause;
  } finally {
    closeSync(to);
  }
  renameSync(draft, target);
}
