import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
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

/** The newest lines of a log and, when they are not enough, of its older copy. `end`: only what lies before that offset. */
export function lastLines(file: string, count: number, end = Number.POSITIVE_INFINITY): string[] {
  const { lines } = endOf(file, end);
  const newest = count > 0 ? lines.slice(-count) : [];
  return newest.length >= count ? newest : [...endOf(`${file}.1`).lines.slice(newest.length - count), ...newest];
}

/** Newest lines within `tailBytes`, and where the last whole one ends. */
function endOf(file: string, end = Number.POSITIVE_INFINITY): { readonly lines: readonly string[]; readonly whole: number } {
  if (!existsSync(file)) return { lines: [], whole: 0 };
  const fd = openSync(file, 'r');
  try {
    const size = Math.min(fstatSync(fd).size, end);
    const length = Math.min(size, tailBytes);
    const buffer = Buffer.alloc(length);
    const tail = buffer.subarray(0, readSync(fd, buffer, 0, length, size - length));
    const lines = tail.toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    return { lines: lines.slice(length < size ? 1 : 0), whole: size - length + tail.lastIndexOf(10) + 1 };
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
  const positions = new Map<string, Position>();
  const files = (): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.log') && matches(basename(name, '.log')))
          .map((name) => join(folder, name))
      : [];
  const first = files().sort((a, b) => modified(a) - modified(b));
  const each = Math.max(1, Math.ceil(tail / Math.max(1, first.length)));
  for (const file of first) {
    // Who follows gets a line when it is whole, and once.
    const end = follow ? endOf(file).whole : Number.POSITIVE_INFINITY;
    positions.set(file, startAt(end));
    for (const text of lastLines(file, tail === 0 ? 0 : each, end)) yield { name: basename(file, '.log'), text };
  }
  // One more look after the signal, for what was written up to it.
  for (let over = follow === undefined; !over && follow !== undefined; ) {
    over = follow.aborted;
    if (!over) await wait(pollMs, undefined, { signal: follow }).catch(() => {});
    for (const file of files()) {
      const position = positions.get(file) ?? startAt(0);
      positions.set(file, position);
      for (const text of grown(file, position)) yield { name: basename(file, '.log'), text };
    }
  }
  for (const [file, { rest }] of positions) if (rest !== '') yield { name: basename(file, '.log'), text: rest };
}

interface Position {
  offset: number;
  /** A line that has no end yet. */
  rest: string;
  /** Keeps the first bytes of a character whose last ones are still to come. */
  decoder: StringDecoder;
}

const startAt = (offset: number): Position => ({ offset, rest: '', decoder: new StringDecoder('utf8') });

/** A file that became shorter was rotated: what is in it now is new. */
function* grown(file: string, position: Position): Generator<string> {
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
      const lines = (position.rest + position.decoder.write(buffer.subarray(0, read))).split('\n');
      position.rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    closeSync(fd);
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
