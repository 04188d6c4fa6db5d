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
   * @throws Error when the whole range is taken.
   */
  take(): Promise<number>;
  /** Marks a port as given, e.g. by an earlier control plane. */
  hold(port: number): void;
  release(port: number): void;
}

export function openPorts(range: PortRange = defaultPortRange): Ports {
  const given = new Set<number>();
  const size = range.to - range.from + 1;
  return {
    take: async () => {
      // Drawn: between this look and the program's own listening, another installation on this machine looks there, too.
      const first = randomInt(size);
      for (let tried = 0; tried < size; tried++) {
        const port = range.from + ((first + tried) % size);
        if (given.has(port)) continue;
        given.add(port);
        if (await isFree(port)) return port;
        given.delete(port);
      }
      throw new Error(`No port between ${range.from} and ${range.to} is free.`);
    },
    hold: (port) => void given.add(port),
    release: (port) => void given.delete(port),
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
