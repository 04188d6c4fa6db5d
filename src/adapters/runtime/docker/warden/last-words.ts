import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../../../engine/client.ts';
import { demultiplex, lines } from '../../../../engine/streams.ts';

/** Lines of a container that is removed which are kept. */
const keptLines = 1000;
/** Of one file, with one older copy of as much, bytes. */
const mostBytes = 10 * 1024 * 1024;
const readMs = 10_000;
const attempts = 3;
const pauseMs = 100;

/**
 * The newest lines of a container's output; empty when it is gone or said nothing. Of one that has only just ended an engine under load
 * may give none yet: none is believed when it was given several times.
 */
export async function lastLines(engine: Engine, container: string, count: number): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    const found = await readLines(engine, container, count);
    if (found.length > 0 || attempt === attempts) return found.slice(-count);
    await wait(pauseMs);
  }
}

async function readLines(engine: Engine, container: string, count: number): Promise<string[]> {
  const found: string[] = [];
  const signal = AbortSignal.timeout(readMs);
  try {
    const query = { stdout: true, stderr: true, tail: count };
    const stream = await engine.stream('GET', `/containers/${container}/logs`, { query, signal });
    for await (const line of lines(dataOf(demultiplex(stream)))) found.push(line);
  } catch {
    // Its output is gone with it, or the engine is: asked again above.
  }
  return found;
}

/** Keeps what a container said last, before it is removed. A full disk is no reason to keep it. */
export async function keepLastWords(
  engine: Engine,
  container: string,
  file: string,
  more: readonly string[] = [],
): Promise<void> {
  const words = [...(await lastLines(engine, container, keptLines)), ...more];
  if (words.length === 0) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    if (existsSync(file) && statSync(file).size > mostBytes) renameSync(file, `${file}.1`);
    const fd = openSync(file, 'a', 0o600);
    writeSync(fd, `${words.join('\n')}\n`);
    closeSync(fd);
  } catch {
    // See above.
  }
}

export async function* dataOf(frames: AsyncIterable<{ readonly data: Buffer }>): AsyncGenerator<Buffer> {
  for await (const { data } of frames) yield data;
}
