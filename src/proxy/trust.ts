import { BlockList, isIPv6 } from 'node:net';

/** Peers whose forwarding headers are believed. */
export class TrustedPeers {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /** @throws when an entry is neither an address nor a CIDR range. */
  constructor(ranges: readonly string[]) {
    this.#any = ranges.length > 0;
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  includes(address: string): boolean {
    return this.#any && address !== '' && this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}
