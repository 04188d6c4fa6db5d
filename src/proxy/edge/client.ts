import { isIP, isIPv6 } from 'node:net';

/** Whom a request counts for: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets at least. */
export interface Client {
  readonly high: number;
  readonly low: number;
  /** An address of this machine or of a private network: a proxy of one's own, or one's own people. */
  readonly local: boolean;
}

/** Addresses read already; bounded, because they are the clients' choice. */
const known = new Map<string, Client>();
const rememberedClients = 8_192;

/** @param address as a socket or `clientAddress` gives it; anything else counts as this machine. */
export function clientOf(address: string): Client {
  const before = known.get(address);
  if (before) return before;
  const client = isIPv6(address) ? ofIpv6(address) : ofIpv4(address);
  if (known.size >= rememberedClients) known.clear();
  // A copy: a part of a header would keep the whole of it in memory.
  known.set(Buffer.from(address, 'latin1').toString('latin1'), client);
  return client;
}

function ofIpv4(address: string): Client {
  const bytes = address.split('.').map(Number);
  const [a = 127, b = 0] = bytes;
  const local =
    a === 127 ||
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    // Carriers' own networks, and those of some tunnels.
    (a === 100 && b >= 64 && b < 128);
  return { high: 0, low: bytes.length === 4 ? numberOf(bytes) : 0, local: local || bytes.length !== 4 };
}

const numberOf = (bytes: readonly number[]): number => bytes.reduce((sum, byte) => (sum << 8) | byte, 0) >>> 0;

function ofIpv6(address: string): Client {
  const mapped = withoutMapping(address);
  if (mapped !== address) return ofIpv4(mapped);
  const [front = '', back] = (address.split('%')[0] ?? '').split('::');
  const left = front === '' ? [] : front.split(':');
  const right = back === undefined || back === '' ? [] : back.split(':');
  // A dotted tail stands for two groups.
  const length = right.length + (right.at(-1)?.includes('.') === true ? 1 : 0);
  const groups =
    back === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - length)).fill('0'), ...right];
  const [first = 0, second = 0, third = 0, fourth = 0] = groups.slice(0, 4).map((group) => Number.parseInt(group, 16));
  const local = (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80 || address === '::1';
  return { high: ((first << 16) | second) >>> 0, low: ((third << 16) | fourth) >>> 0, local };
}

/** An IPv4 address that came over an IPv6 socket, as itself. */
export const withoutMapping = (address: string): string =>
  address.startsWith('::') && /^::ffff:\d+\./i.test(address) ? address.slice('::ffff:'.length) : address;

interface Trusted {
  includes(address: string): boolean;
}

/** Hops looked at; whoever sends more has made them up. */
const mostHops = 32;

/**
 * Who asks, when `peer` is the other end of the connection: each proxy that is trusted has put down whom it heard the request from,
 * so the list is read from its end, and the first address that is not trusted is the client's. What stands left of it, or of
 * something that is no address, may be anybody's invention.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, trusted: Trusted): string {
  if (forwardedFor === undefined || !trusted.includes(peer)) return peer;
  let client = peer;
  let end = forwardedFor.length;
  for (let hop = 0; hop < mostHops && end > 0; hop += 1) {
    const comma = forwardedFor.lastIndexOf(',', end - 1);
    const address = addressOf(forwardedFor.slice(comma + 1, end));
    if (address === undefined) return client;
    client = address;
    if (comma <= 0 || !trusted.includes(address)) return client;
    end = comma;
  }
  return client;
}

/** `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1` and `[2001:db8::1]:567` as an address; undefined for anything else. */
export function addressOf(text: string): string | undefined {
  const entry = text.trim();
  const bare = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(entry)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(entry)?.[1] ?? entry;
  return isIP(bare) === 0 ? undefined : withoutMapping(bare);
}
