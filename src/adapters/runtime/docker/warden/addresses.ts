/** Addresses of IPv4 as numbers. */
export interface Range {
  readonly first: number;
  /** Bits that are the same for all. */
  readonly prefix: number;
}

/** Null when it is no range of IPv4 such as `172.18.0.0/16`. */
export function rangeOf(text: string): Range | null {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
  if (!match) return null;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { first: address - (address % 2 ** (32 - prefix)), prefix };
}

export const formatAddress = (address: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');

export const contains = ({ first, prefix }: Range, address: number): boolean =>
  address >= first && address < first + 2 ** (32 - prefix);

/** The range cut into ranges of that prefix. */
export function slicesOf({ first, prefix }: Range, into: number): Range[] {
  if (into < prefix) return [];
  return Array.from({ length: 2 ** (into - prefix) }, (_, n) => ({ first: first + n * 2 ** (32 - into), prefix: into }));
}

/**
 * The first address of the lower half that nobody has: after the network's own and the gateway.
 * @throws Error when all are taken.
 */
export function freeAddress(subnet: string, taken: ReadonlySet<string>): string {
  const range = rangeOf(subnet);
  if (range) {
    for (let address = range.first + 2; address < range.first + 2 ** (31 - range.prefix); address++) {
      const text = formatAddress(address);
      if (!taken.has(text)) return text;
    }
  }
  throw new Error(`All addresses for instances in ${subnet} are taken.`);
}
