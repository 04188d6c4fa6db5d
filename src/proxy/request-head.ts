import { randomBytes } from 'node:crypto';

/** What a request's header lines say, read once. Header names arrive in any case. */
export interface RequestHead {
  /** What an instance may see, flat name/value pairs; forwarding headers are added by `addForwarding`. */
  readonly forward: string[];
  host: string | undefined;
  hosts: number;
  contentLength: number;
  transferEncoding: string | undefined;
  upgrade: string | undefined;
  expect: string | undefined;
  cookie: string | undefined;
  accept: string | undefined;
  candidate: string | undefined;
  requestId: string | undefined;
  /** The client announces trailers after its body. */
  trailer: boolean;
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  forwardedHost: string | undefined;
  realIp: string | undefined;
}

const enumerate = [
  'pass',
  'drop',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
  'cookie',
  'accept',
  'x-signalbox-candidate',
  'x-request-id',
  'te',
  'trailer',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
] as const;
type Kind = (typeof enumerate)[number];

const dropped = new Set([
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'http2-settings',
  'forwarded',
]);
const special = new Set<string>(enumerate.slice(2));
/** Kinds by header name as clients spell it; bounded, because names are the client's choice. */
const kinds = new Map<string, Kind>();
const rememberedNames = 1_000;

function learn(name: string): Kind {
  const lower = name.toLowerCase();
  const kind = kindOf(lower);
  if (kinds.size < rememberedNames) kinds.set(name, kind);
  return kind;
}

function kindOf(lower: string): Kind {
  if (special.has(lower)) return lower as Kind;
  if (dropped.has(lower) || lower.startsWith('x-forwarded-')) return 'drop';
  // Some app servers fold "_" into "-": then this would be the same header to them.
  if (lower.includes('_') && kindOf(lower.replaceAll('_', '-')) !== 'pass') return 'drop';
  return 'pass';
}

/** Reads flat raw header lines. Hop-by-hop lines, also those that Connection names, are left out of `forward`. */
export function readRequestHead(raw: readonly string[]): RequestHead {
  const forward: string[] = [];
  const head: RequestHead = {
    forward,
    host: undefined,
    hosts: 0,
    contentLength: -1,
    transferEncoding: undefined,
    upgrade: undefined,
    expect: undefined,
    cookie: undefined,
    accept: undefined,
    candidate: undefined,
    requestId: undefined,
    trailer: false,
    forwardedFor: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
    realIp: undefined,
  };
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    switch (kinds.get(name) ?? learn(name)) {
      case 'pass':
        forward.push(name, value);
        break;
      case 'drop':
        break;
      case 'host':
        head.hosts += 1;
        head.host = value;
        break;
      case 'content-length':
        head.contentLength = Number(value);
        forward.push(name, value);
        break;
      case 'transfer-encoding':
        head.transferEncoding = head.transferEncoding === undefined ? value : `${head.transferEncoding}, ${value}`;
        break;
      case 'connection':
        named = namedBy(value, named);
        break;
      case 'upgrade':
        head.upgrade = value;
        break;
      case 'expect':
        head.expect = value;
        break;
      case 'cookie':
        head.cookie = head.cookie === undefined ? value : `${head.cookie}; ${value}`;
        forward.push(name, value);
        break;
      case 'accept':
        head.accept = value;
        forward.push(name, value);
        break;
      case 'x-signalbox-candidate':
        head.candidate = value;
        break;
      case 'x-request-id':
        head.requestId = value;
        break;
      case 'te':
        if (/(?:^|,)\s*trailers\s*(?:,|;|$)/i.test(value)) forward.push('te', 'trailers');
        break;
      case 'trailer':
        head.trailer = true;
        forward.push(name, value);
        break;
      case 'x-forwarded-for':
        head.forwardedFor = head.forwardedFor === undefined ? value : `${head.forwardedFor}, ${value}`;
        break;
      case 'x-forwarded-proto':
        head.forwardedProto = value;
        break;
      case 'x-forwarded-host':
        head.forwardedHost = value;
        break;
      case 'x-real-ip':
        head.realIp = value;
        break;
    }
  }
  if (named) dropNamed(forward, named);
  return head;
}

/** What would change the meaning of a request that has been acted upon already. */
const noTrailer = new Set(['content-length', 'content-type', 'content-encoding', 'cookie', 'authorization', 'te', 'trailer']);

/** Trailers of a request that an instance may see: nothing that routes, frames, authenticates or speaks for the proxy. */
export function readRequestTrailers(raw: readonly string[]): string[] {
  const { forward } = readRequestHead(raw);
  dropNamed(forward, noTrailer);
  return forward;
}

/** Never taken away on a client's word: without them the request would mean something else. */
const kept = new Set(['close', 'keep-alive', 'upgrade', 'te', 'content-length', 'host', 'trailer']);

/** Tokens of a Connection header that name headers. */
export function namedBy(connection: string, before: Set<string> | undefined): Set<string> | undefined {
  if (connection === 'keep-alive' || connection === 'close') return before;
  let named = before;
  for (const token of connection.split(',')) {
    const name = token.trim().toLowerCase();
    if (name === '' || kept.has(name)) continue;
    named ??= new Set();
    named.add(name);
  }
  return named;
}

export function dropNamed(pairs: string[], named: ReadonlySet<string>): void {
  let to = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] as string;
    if (named.has(name.toLowerCase())) continue;
    pairs[to] = name;
    pairs[to + 1] = pairs[i + 1] as string;
    to += 2;
  }
  pairs.length = to;
}

/** Who asks. */
export interface Caller {
  /** Address of the other end of the connection. */
  readonly peer: string;
  /** The peer's own forwarding headers are believed and extended. */
  readonly trusted: boolean;
  /** The peer, or whom it speaks for when it is trusted. */
  readonly client: string;
}

export interface Forwarding extends Caller {
  readonly proto: 'http' | 'https';
  /** What was taken off the path, if anything. */
  readonly prefix: string | undefined;
}

/** Says to the instance who asked, how and for what. */
export function addForwarding(head: RequestHead, from: Forwarding): void {
  const { forward } = head;
  const host = head.host ?? '';
  const { trusted, peer } = from;
  forward.push(
    'host',
    host,
    'x-forwarded-for',
    trusted && head.forwardedFor !== undefined ? `${head.forwardedFor}, ${peer}` : peer,
    'x-forwarded-proto',
    trusted && head.forwardedProto !== undefined ? head.forwardedProto : from.proto,
    'x-forwarded-host',
    trusted && head.forwardedHost !== undefined ? head.forwardedHost : host,
    'x-real-ip',
    from.client,
    'x-request-id',
    requestIdOf(head),
  );
  if (from.prefix !== undefined) forward.push('x-forwarded-prefix', from.prefix);
}

const bootPrefix = randomBytes(9).toString('base64url');
let made = 0;

/** The client's request id when it is one line of harmless characters, else a new one. */
export function requestIdOf(head: RequestHead): string {
  if (head.requestId === undefined || !/^[\w.:/+=@-]{1,128}$/.test(head.requestId)) {
    made += 1;
    head.requestId = `${bootPrefix}-${made.toString(36)}`;
  }
  return head.requestId;
}
