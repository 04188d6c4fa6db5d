import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Below the range that Linux takes for outgoing connections (32768 and up), so that none of those sits on an instance's port. */
export const defaultPortRange: PortRange = { from: 20_000, to: 31_999 };

export interface Ports {
  /**
   * A port that nobody listens on and that no other instance was given.
   * @param span so many of them in a row, of which the first is returned. Default 1.
   * @throws Error when the whole range is taken.
   */
  take(span?: number): Promise<number>;
  /** Takes this one (and those after it) if nobody listens there and nobody else was given it. */
  claim(port: number, span?: number): Promise<boolean>;
  /** Marks a port as given, e.g. by an earlier control plane. */
  hold(port: number): void;
  release(port: number): void;
}

export function openPorts(range: PortRange = defaultPortRange): Ports {
  const given = new Set<number>();
  /** First of several that belong together -> how many. */
  const spans = new Map<number, number>();
  const size = range.to - range.from + 1;
  const claim = async (port: number, span = 1): Promise<boolean> => {
    const wanted = Array.from({ length: span }, (_, i) => port + i);
    if (wanted.some((one) => given.has(one))) return false;
    for (const one of wanted) given.add(one);
    spans.set(port, span);
    for (const one of wanted) {
      if (await isFree(one)) continue;
      for (const taken of wanted) given.delete(taken);
      return false;
    }
    return true;
  };
  return {
    claim,
    take: async (span = 1) => {
      // Drawn: between this look and the program's own listening, another installation on this machine looks there, too.
      const first = randomInt(size);
      for (let tried = 0; tried < size; tried++) {
        const port = range.from + ((first + tried) % size);
        if (port + span - 1 <= range.to && (await claim(port, span))) return port;
      }
      throw new Error(`No port between ${range.from} and ${range.to} is free.`);
    },
    hold: (port) => void given.add(port),
    release: (port) => {
      for (let one = port; one < port + (spans.get(port) ?? 1); one++) given.delete(one);
      spans.delete(port);
    },
  };
}

/** A program may listen on any address; one that holds the port on all of them is in the way, too. */
async function isFree(port: number): Promise<boolean> {
  return (await canBind('127.0.0.1', port)) && (await canBind('0.0.0.0', port));
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
