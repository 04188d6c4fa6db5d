import { readFileSync } from 'node:fs';
import { answers } from '../../../../wire/answers.ts';

export interface Listening {
  /** `*` is every address. */
  readonly host: string;
  readonly port: number;
}

/**
 * Where anything listens in the network of a process, from the kernel's tables: they know it without a connection being made, and a
 * container has its network to itself. Null when they may not be read.
 */
export function listeningIn(pid: number): Listening[] | null {
  try {
    const all = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n').slice(1));
    return all.flatMap((line) => parse(line) ?? []);
  } catch {
    return null;
  }
}

/** State of a socket that listens. */
const listen = '0A';
/** The engine's own name server in each container. */
const resolver = '127.0.0.11';

function parse(line: string): Listening | null {
  const [, local = '', , state] = line.trim().split(/\s+/);
  const [address = '', port = ''] = local.split(':');
  if (state !== listen) return null;
  const host = hostOf(address);
  return host === resolver ? null : { host, port: Number.parseInt(port, 16) };
}

/** Words of four bytes in the machine's order, which is little-endian wherever Docker runs. */
function hostOf(hex: string): string {
  if (/^0+$/.test(hex)) return '*';
  const v4 = hex.length === 8 ? hex : /^0{16}FFFF0000(.{8})$/i.exec(hex)?.[1];
  if (v4 !== undefined)
    return (v4.match(/../g) ?? [])
      .reverse()
      .map((byte) => Number.parseInt(byte, 16))
      .join('.');
  return hex === '00000000000000000000000001000000' ? '::1' : hex;
}

export const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';

/** Where the tables are closed to us: whether the container itself accepts a connection. Nobody stands between. */
export const accepts = (host: string, port: number): Promise<boolean> => answers({ host, port, withinMs: 250 });
