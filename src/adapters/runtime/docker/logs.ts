import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../../engine/client.ts';
import { demultiplex, lines } from '../../../engine/streams.ts';
import { instanceId } from './names.ts';

export interface StampedLine {
  readonly instance: string;
  readonly text: string;
  /** As the engine gives it, fit to be compared; empty for lines that were kept from removed containers. */
  readonly at: string;
}

export interface LogSource {
  readonly instance: string;
  /** Its present container; null when it has none. */
  readonly container: string | null;
  /** Last lines of its former containers. */
  readonly file: string;
}

/** Longest piece of a file read backwards for its last lines, bytes. */
const tailBytes = 1024 * 1024;
const readMs = 15_000;
/** How often instances are looked for that came meanwhile, and containers that were started again, ms. */
const againMs = 300;
/** How long the last lines of what has ended may take, ms. */
const lastMs = 1000;

/** The newest `tail` lines of one instance: of its container and, when those are not enough, of the ones before it. */
export async function newestLines(
  engine: Engine,
  { instance, container, file }: LogSource,
  tail: number,
): Promise<StampedLine[]> {
  if (tail <= 0) return [];
  const present: StampedLine[] = [];
  if (container !== null) {
    const signal = AbortSignal.timeout(readMs);
    for await (const line of output(engine, { container, signal, query: { tail } })) present.push({ instance, ...line });
  }
  const former = present.length >= tail ? [] : lastLinesOf(file, tail - present.length);
  return [...former.map((text) => ({ instance, text, at: '' })), ...present.slice(-tail)];
}

/** Lines as they come, of all instances that `sources` names at that time, until the signal aborts. */
export async function* followLines(
  engine: Engine,
  options: {
    readonly sources: () => Promise<readonly LogSource[]>;
    /** Newest line already seen, by container. */
    readonly seen: ReadonlyMap<string, string>;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<StampedLine> {
  const { sources, seen, signal } = options;
  const newest = new Map(seen);
  const open = new Set<string>();
  const waiting: StampedLine[] = [];
  let wake = (): void => {};
  const follow = async (instance: string, container: string): Promise<void> => {
    open.add(container);
    try {
      const last = newest.get(container);
      // In whole seconds: what was seen already is left out below.
      const since = last === undefined ? {} : { since: Math.floor(Date.parse(last) / 1000) };
      for await (const line of output(engine, { container, signal, query: { ...since, follow: true } })) {
        if (line.at <= (newest.get(container) ?? '')) continue;
        newest.set(container, line.at);
        waiting.push({ instance, ...line });
        wake();
        // Whoever reads slowly makes us read slowly.
        while (waiting.length > 1000 && !signal.aborted) await wait(10);
      }
    } catch {
      // The engine or the container is away: looked for again.
    } finally {
      open.delete(container);
    }
  };
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      for (const { instance, container } of await sources().catch(() => []))
        if (container !== null && !open.has(container)) void follow(instance, container);
      await wait(againMs, undefined, { signal }).catch(() => {});
    }
    wake();
  };
  const looking = look();
  signal.addEventListener('abort', () => wake(), { once: true });
  while (!signal.aborted) {
    const line = waiting.shift();
    if (line) yield line;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted || waiting.length > 0) resolve();
      });
  }
  await looking;
}

/**
 * Lines of a container from its beginning on, until it has ended; waits for one that is still to come as long as `until` is not over,
 * and for its last lines a moment longer.
 */
export async function* outputOf(
  engine: Engine,
  of: { readonly container: string; readonly until: AbortSignal },
): AsyncGenerator<string> {
  const { container, until } = of;
  const control = new AbortController();
  const end = (): void => {
    const late = setTimeout(() => control.abort(), lastMs);
    late.unref();
  };
  if (until.aborted) end();
  else until.addEventListener('abort', end, { once: true });
  while (!control.signal.aborted) {
    try {
      for await (const { text } of output(engine, { container, signal: control.signal, query: { follow: true } })) yield text;
      return;
    } catch {
      if (until.aborted) return;
      await wait(againMs, undefined, { signal: until }).catch(() => {});
    }
  }
}

/** Lines of one container with their time, in the order in which the engine took them down. */
async function* output(
  engine: Engine,
  of: { readonly container: string; readonly query: Readonly<Record<string, number | boolean>>; readonly signal: AbortSignal },
): AsyncGenerator<{ readonly text: string; readonly at: string }> {
  const query = { stdout: true, stderr: true, timestamps: true, ...of.query };
  const stream = await engine.stream('GET', `/containers/${of.container}/logs`, { query, signal: of.signal });
  async function* data(): AsyncGenerator<Buffer> {
    for await (const frame of demultiplex(stream)) yield frame.data;
  }
  for await (const line of lines(data())) {
    const space = line.indexOf(' ');
    yield { at: line.slice(0, space), text: line.slice(space + 1).replace(/\r$/, '') };
  }
}

function lastLinesOf(file: string, count: number): string[] {
  if (!existsSync(file)) return [];
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, tailBytes);
    const buffer = Buffer.alloc(length);
    const text = buffer.subarray(0, readSync(fd, buffer, 0, length, size - length)).toString('utf8');
    const found = text.split('\n');
    if (found.at(-1) === '') found.pop();
    return found.slice(length < size ? 1 : 0).slice(-count);
  } finally {
    closeSync(fd);
  }
}

/** Instances of which only last words are left. */
export function formerInstances(folder: string, workload: string): LogSource[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const number = /^(\d+)\.log$/.exec(name)?.[1];
    return number === undefined
      ? []
      : { instance: instanceId(workload, Number(number)), container: null, file: join(folder, name) };
  });
}
