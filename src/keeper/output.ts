import {
  closeSync,
  constants,
  type FSWatcher,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  watch,
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

/** Growing files are looked at as often as their growth demands, 10 to 50 times a second. */
const calmMs = 100;
const busyMs = 20;
/** After so many looks without growth a file counts as quiet: then the system tells when it changes. */
const quietLooks = 3;
/** All files are looked at this often, in case the system told nothing. */
const sweepMs = 5000;

interface Watched {
  readonly bytes: number;
  size: number;
  at: number;
  /** Looks since it last grew. */
  still: number;
  /** Tells of a change; only while the file is quiet. */
  bell: FSWatcher | null;
}

/** @param onError told when a file could not be rotated. */
export function openOutputBounds(onError: (file: string, cause: unknown) => void): OutputBounds {
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  /** When `timer` will look. */
  let nextAt = Number.POSITIVE_INFINITY;

  const lookIn = (ms: number): void => {
    const at = performance.now() + ms;
    if (at >= nextAt) return;
    clearTimeout(timer);
    nextAt = at;
    timer = setTimeout(check, ms);
  };

  const check = (): void => {
    nextAt = Number.POSITIVE_INFINITY;
    let next = sweepMs;
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
      seen.still = rate > 0 ? 0 : seen.still + 1;
      seen.size = size;
      seen.at = now;
      if (rate > 0) next = Math.min(next, Math.max(busyMs, Math.min(calmMs, (seen.bytes - size) / rate / 2)));
      else if (seen.still < quietLooks || !isBelled(file, seen)) next = Math.min(next, calmMs);
    }
    if (watched.size > 0) lookIn(next);
  };

  /** False where the system does not tell: then it has to be looked at. */
  const isBelled = (file: string, seen: Watched): boolean => {
    if (seen.bell) return true;
    try {
      seen.bell = watch(file, { persistent: false }, () => stir(seen));
      seen.bell.on('error', () => stir(seen));
    } catch {
      return false;
    }
    // It may have grown just before: only a look after this one will tell.
    return sizeOf(file) === seen.size;
  };
  /** Once is enough: while it is looked at, a flood should not ring for every line. */
  const stir = (seen: Watched): void => {
    silence(seen);
    seen.still = 0;
    lookIn(busyMs);
  };

  return {
    watch: (file, bytes) => {
      silence(watched.get(file));
      watched.set(file, { bytes, size: sizeOf(file), at: performance.now(), still: 0, bell: null });
      lookIn(busyMs);
    },
    unwatch: (file) => {
      silence(watched.get(file));
      watched.delete(file);
    },
    close: () => {
      clearTimeout(timer);
      for (const seen of watched.values()) silence(seen);
      watched.clear();
    },
  };
}

function silence(seen: Watched | undefined): void {
  seen?.bell?.close();
  if (seen) seen.bell = null;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

const block = 256 * 1024;
/** Of the copy's bound; the rest is for what is added while it is made. */
const keptShare = 0.75;

/** Copies the newest lines away, `bytes` at most, and truncates. When the copy cannot be made (full disk) the file is truncated all the same. */
function rotate(file: string, bytes: number): void {
  const draft = `${file}.1.tmp`;
  const from = openSync(file, 'r+');
  try {
    try {
      copyTail(from, draft, bytes);
    } finally {
      // Before the copy gets its name, which may wait for the disk: what is added between copy and cut is lost.
      ftruncateSync(from, 0);
    }
    renameSync(draft, `${file}.1`);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw cause;
  } finally {
    closeSync(from);
  }
}

function copyTail(from: number, draft: string, bytes: number): void {
  const to = openSync(draft, 'w', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(block);
    const { size } = fstatSync(from);
    // To where it ends by then, not where it ended at first: a flood goes on meanwhile.
    const first = Math.max(0, size - Math.floor(bytes * keptShare));
    for (let at = first; at < first + bytes; ) {
      const read = readSync(from, buffer, 0, Math.min(block, first + bytes - at), at);
      if (read === 0) break;
      writeSync(to, buffer, 0, read);
      at += read;
    }
  } finally {
    closeSync(to);
  }
}
