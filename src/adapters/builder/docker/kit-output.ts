import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { EngineError } from '../../../engine/errors.ts';
import { jsonLines } from '../../../engine/streams.ts';
import type { BuildEnd } from './output.ts';

/** A line of BuildKit's answer: its progress is a message of its own protocol, everything else is told as by the classic builder. */
interface Message {
  readonly id?: string;
  readonly aux?: string | { readonly ID?: string };
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
}

interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: boolean;
  readonly completed: boolean;
  readonly error: string;
}

/** Steps of BuildKit itself, which nobody wrote down. */
const own = /^(?:\[internal\]|copy \/context|exporting |resolve image config|importing cache|\[auth\])/;
/** Characters of a line without an end that are waited for. */
const longestLine = 16_384;

/**
 * Reads a build by BuildKit to its end, step by step; output of steps that run at the same time comes in whole lines.
 * @throws EngineError unavailable when the engine goes away before it has said how it ended.
 */
export async function readKitBuild(stream: Readable, write: (text: string) => void): Promise<BuildEnd> {
  let image: string | null = null;
  const steps = new Map<string, { name: string; told: 'nothing' | 'begun' | 'ended'; decoder: StringDecoder; rest: string }>();
  let broken: string | null = null;
  const stepOf = (digest: string) => {
    const known = steps.get(digest) ?? { name: '', told: 'nothing' as const, decoder: new StringDecoder('utf8'), rest: '' };
    steps.set(digest, known);
    return known;
  };
  const flush = (digest: string): void => {
    const step = stepOf(digest);
    if (step.rest !== '') write(`${step.rest}\n`);
    step.rest = '';
  };
  for await (const { id, aux, error, errorDetail } of jsonLines<Message>(stream)) {
    if (error !== undefined) {
      for (const digest of steps.keys()) flush(digest);
      const message = errorDetail?.message ?? error;
      write(`${message}\n`);
      const exitCode = /exit code: (\d+)\s*$/.exec(message)?.[1];
      return { ok: false, message, exitCode: exitCode === undefined ? null : Number(exitCode), step: broken };
    }
    if (id === 'moby.image.id' && typeof aux === 'object') image = aux.ID ?? null;
    if (id !== 'moby.buildkit.trace' || typeof aux !== 'string') continue;
    const { vertexes, logs } = statusOf(Buffer.from(aux, 'base64'));
    for (const vertex of vertexes) {
      const step = stepOf(vertex.digest);
      step.name = vertex.name;
      if (own.test(vertex.name)) continue;
      if (step.told === 'nothing' && vertex.started) {
        write(`${vertex.name}\n`);
        step.told = 'begun';
      }
      if (step.told === 'begun' && vertex.completed) {
        step.told = 'ended';
        if (vertex.cached) write('CACHED\n');
      }
      // Steps beside it are cancelled, and have failed less.
      if (vertex.error !== '' && !/context canceled/.test(vertex.error)) broken ??= vertex.name.replace(/^\[[^\]]*\]\s*/, '');
    }
    for (const { vertex, bytes } of logs) {
      const step = stepOf(vertex);
      const lines = (step.rest + step.decoder.write(bytes)).split('\n');
      step.rest = lines.pop() ?? '';
      if (lines.length > 0) write(`${lines.join('\n')}\n`);
      if (step.rest.length > longestLine) flush(vertex);
    }
    for (const { digest, completed } of vertexes) if (completed) flush(digest);
  }
  if (image === null) throw new EngineError('unavailable', 'The Docker engine went away while it built.');
  return { ok: true, image };
}

/** `StatusResponse` of BuildKit's control API, as far as it is read: steps (1) and their output (3). */
function statusOf(bytes: Buffer): { vertexes: Vertex[]; logs: { vertex: string; bytes: Buffer }[] } {
  const vertexes: Vertex[] = [];
  const logs: { vertex: string; bytes: Buffer }[] = [];
  for (const { number, value } of fields(bytes)) {
    if (!Buffer.isBuffer(value)) continue;
    if (number === 1) vertexes.push(vertexOf(value));
    if (number !== 3) continue;
    const log = new Map([...fields(value)].map((field) => [field.number, field.value]));
    const text = log.get(4);
    if (Buffer.isBuffer(text)) logs.push({ vertex: String(log.get(1) ?? ''), bytes: text });
  }
  return { vertexes, logs };
}

function vertexOf(bytes: Buffer): Vertex {
  const found = new Map([...fields(bytes)].map(({ number, value }) => [number, value]));
  return {
    digest: String(found.get(1) ?? ''),
    name: String(found.get(3) ?? ''),
    cached: found.get(4) === 1,
    started: found.has(5),
    completed: found.has(6),
    error: String(found.get(7) ?? ''),
  };
}

/** Fields of a protocol-buffers message; one that is cut off ends it. */
function* fields(bytes: Buffer): Generator<{ readonly number: number; readonly value: number | Buffer }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; at < bytes.length; shift *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) yield { number, value: varint() };
    else if (wire === 2) {
      const length = varint();
      yield { number, value: bytes.subarray(at, at + length) };
      at += length;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else return;
  }
}
