import { dropNamed, namedBy } from './request-head.ts';

/** What a response's header lines say, read once. */
export interface ResponseHead {
  /** What the client may see, flat name/value pairs. */
  readonly forward: string[];
  contentLength: number;
  eventStream: boolean;
  /** Advertised keep-alive of the instance's connection, ms; 0 when it promises nothing. */
  keepAliveMs: number;
  close: boolean;
}

type Kind = 'pass' | 'drop' | 'content-length' | 'content-type' | 'connection' | 'keep-alive';
const dropped = new Set(['transfer-encoding', 'proxy-connection', 'proxy-authenticate', 'upgrade', 'te']);
const special = new Set(['content-length', 'content-type', 'connection', 'keep-alive']);
const kinds = new Map<string, Kind>();
const rememberedNames = 1_000;

function learn(name: string): Kind {
  const lower = name.toLowerCase();
  const kind: Kind = special.has(lower) ? (lower as Kind) : dropped.has(lower) ? 'drop' : 'pass';
  if (kinds.size < rememberedNames) kinds.set(name, kind);
  return kind;
}

/** Reads raw header lines as they came from the instance; bytes are kept (latin-1). */
export function readResponseHead(raw: readonly (Buffer | string)[]): ResponseHead {
  const forward: string[] = [];
  const head: ResponseHead = { forward, contentLength: -1, eventStream: false, keepAliveMs: 0, close: false };
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i] as Buffer | string);
    const value = text(raw[i + 1] as Buffer | string);
    switch (kinds.get(name) ?? learn(name)) {
      case 'pass':
        forward.push(name, value);
        break;
      case 'drop':
        break;
      case 'content-length':
        head.contentLength = Number(value);
        forward.push(name, value);
        break;
      case 'content-type':
        if (value.startsWith('text/event-stream')) head.eventStream = true;
        forward.push(name, value);
        break;
      case 'connection':
        if (value.toLowerCase().includes('close')) head.close = true;
        named = namedBy(value, named);
        break;
      case 'keep-alive': {
        const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1];
        if (seconds !== undefined) head.keepAliveMs = Number(seconds) * 1_000;
        break;
      }
    }
  }
  if (named) dropNamed(forward, named);
  return head;
}

function text(part: Buffer | string): string {
  return typeof part === 'string' ? part : part.toString('latin1');
}
