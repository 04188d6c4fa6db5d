import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { EngineError } from './errors.ts';

/** Longest line that is kept whole, characters; what is beyond comes as a line of its own. */
const longestLine = 256 * 1024;

/** Pieces of text as lines; a last one without an end counts. */
export async function* lines(pieces: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const piece of pieces) {
    const found = (rest + decoder.write(piece)).split('\n');
    rest = found.pop() ?? '';
    yield* found;
    if (rest.length <= longestLine) continue;
    yield rest;
    rest = '';
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}

/** One JSON value per line, as builds, pulls and events are told. A line that is no JSON is left out. */
export async function* jsonLines<Value>(stream: Readable): AsyncGenerator<Value> {
  for await (const line of lines(reading(stream))) {
    if (line.trim() === '') continue;
    let value: Value;
    try {
      value = JSON.parse(line) as Value;
    } catch {
      continue;
    }
    yield value;
  }
}

/** Output of a container without a terminal: frames of 8 bytes head (stream, 0, 0, 0, length) and their content. */
export async function* demultiplex(
  stream: Readable,
): AsyncGenerator<{ readonly from: 'stdout' | 'stderr'; readonly data: Buffer }> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const piece of reading(stream)) {
    waiting.push(piece);
    size += piece.length;
    if (size < 8) continue;
    let buffer = waiting.length === 1 ? piece : Buffer.concat(waiting);
    while (buffer.length >= 8) {
      const length = buffer.readUInt32BE(4);
      if (buffer.length < 8 + length) break;
      yield { from: buffer[0] === 2 ? 'stderr' : 'stdout', data: buffer.subarray(8, 8 + length) };
      buffer = buffer.subarray(8 + length);
    }
    waiting = [buffer];
    size = buffer.length;
  }
}

/** @throws EngineError unavailable when the stream breaks off; an end by `destroy()` is an end. */
async function* reading(stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const piece of stream) yield piece as Buffer;
  } catch (cause) {
    if (stream.destroyed && cause instanceof Error && (cause.name === 'AbortError' || 'code' in cause) && wasAborted(cause))
      return;
    throw new EngineError('unavailable', 'The Docker engine broke off what it was telling.', { cause });
  }
}

const wasAborted = (cause: Error): boolean =>
  cause.name === 'AbortError' || ('code' in cause && (cause.code === 'UND_ERR_ABORTED' || cause.code === 'ABORT_ERR'));
