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

/** Of one reading, characters: what is read back later of a file is no more, and this program has little memory. */
const mostText = 1024 * 1024;

/**
 * The newest lines of a container's output; empty when it is gone or said nothing. Of one that has only just ended an engine under load
 * may give none yet: none is believed when it was given several times. An engine that is too slow for that many is asked for fewer.
 */
export async function lastLines(engine: Engine, container: string, count: number): Promise<string[]> {
  let asked = count;
  for (let attempt = 1; ; attempt++) {
    const { found, whole } = await readLines(engine, container, asked);
    if (attempt === attempts || (whole && found.length > 0)) return found;
    if (!whole) asked = Math.ceil(asked / 20);
    await wait(pauseMs);
  }
}

/** `whole`: the engine told all that it was asked for. */
async function readLines(engine: Engine, container: string, count: number): Promise<{ found: string[]; whole: boolean }> {
  const found: string[] = [];
  let size = 0;
  const signal = AbortSignal.timeout(readMs);
  try {
    const query = { stdout: true, stderr: true, tail: count };
    const stream = await engine.stream('GET', `/containers/${container}/logs`, { query, signal });
    for await (const line of lines(dataOf(demultiplex(stream)))) {
      found.push(line);
      size += line.length;
      while (found.length > 1 && (found.length > count || size > mostText)) size -= found.shift()?.length ?? 0;
    }
    return { found, whole: true };
  } catch {
    // Its output is gone with it, or the engine is: asked again above.
    return { found, whole: false };
  }
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
