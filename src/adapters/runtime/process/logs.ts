import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface FileLine {
  /** File name without `.log`. */
  readonly name: string;
  readonly text: string;
}

/** How often a followed log is looked at, ms. */
const pollMs = 150;
/** Longest piece of a file read backwards for its last lines, bytes. */
const tailBytes = 1024 * 1024;
const chunk = 64 * 1024;

/** The newest lines of a log and, when they are not enough, of its older copy. */
export function lastLines(file: string, count: number): string[] {
  const lines = endOf(file, count);
  return lines.length >= count ? lines : [...endOf(`${file}.1`, count - lines.length), ...lines];
}

function endOf(file: string, count: number): string[] {
  if (count <= 0 || !existsSync(file)) return [];
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, tailBytes);
    const buffer = Buffer.alloc(length);
    const read = readSync(fd, buffer, 0, length, size - length);
    const lines = buffer.toString('utf8', 0, read).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(length < size ? 1 : 0).slice(-count);
  } finally {
    closeSync(fd);
  }
}

export interface FollowOptions {
  /** Newest lines of each file to begin with. */
  readonly tail: number;
  readonly follow?: AbortSignal | undefined;
  /** Which of the folder's logs; by name without `.log`. */
  readonly matches: (name: string) => boolean;
}

/** Lines of all logs of a folder; follows new files, growth, truncation and rotation until the signal aborts. */
export async function* readLogs(folder: string, { tail, follow, matches }: FollowOptions): AsyncGenerator<FileLine> {
  const positions = new Map<string, { offset: number; rest: string }>();
  const files = (): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.log') && matches(basename(name, '.log')))
          .map((name) => join(folder, name))
      : [];
  const first = files().sort((a, b) => modified(a) - modified(b));
  const each = Math.max(1, Math.ceil(tail / Math.max(1, first.length)));
  for (const file of first) {
    positions.set(file, { offset: sizeOf(file), rest: '' });
    for (const text of lastLines(file, tail === 0 ? 0 : each)) yield { name: basename(file, '.log'), text };
  }
  while (follow && !follow.aborted) {
    await wait(pollMs, undefined, { signal: follow }).catch(() => {});
    for (const file of files()) {
      const position = positions.get(file) ?? { offset: 0, rest: '' };
      positions.set(file, position);
      for (const text of grown(file, position)) yield { name: basename(file, '.log'), text };
    }
  }
}

/** A file that became shorter was rotated: what is in it now is new. */
function* grown(file: string, position: { offset: number; rest: string }): Generator<string> {
  if (sizeOf(file) < position.offset) position.offset = 0;
  if (sizeOf(file) === position.offset) return;
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(chunk);
    for (
      let read = readSync(fd, buffer, 0, chunk, position.offset);
      read > 0;
      read = readSync(fd, buffer, 0, chunk, position.offset)
    ) {
      position.offset += read;
      const lines = (position.rest + buffer.toString('utf8', 0, read)).split('\n');
      position.rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    closeSync(fd);
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
