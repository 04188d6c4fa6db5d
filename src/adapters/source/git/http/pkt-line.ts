/** Lines of git's protocols: four hex digits of length, then the text; `0000` closes a section. */

/** Null: the section is closed. */
export type Packet = Buffer | null;

const longest = 65_520;

export const packet = (text: string | Buffer): Buffer => {
  const body = Buffer.from(text as string).subarray(0, longest - 4);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0'), 'latin1'), body]);
};

export const sectionEnd: Buffer = Buffer.from('0000', 'latin1');

/** Takes bytes as they come and gives out whole packets; `first`: of the first section alone, as something else follows it. */
export class PacketReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #sections: 'all' | 'first';

  constructor(sections: 'all' | 'first' = 'all') {
    this.#sections = sections;
  }

  /** What came after the packets that were given out. */
  get rest(): Buffer {
    return this.#rest;
  }

  /** @throws Error for what is no packet. */
  take(chunk: Buffer): readonly Packet[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: Packet[] = [];
    let at = 0;
    while (bytes.length - at >= 4) {
      const head = bytes.toString('latin1', at, at + 4);
      const length = /^[0-9a-f]{4}$/i.test(head) ? Number.parseInt(head, 16) : Number.NaN;
      if (length === 0) {
        packets.push(null);
        at += 4;
        if (this.#sections === 'first') break;
        continue;
      }
      if (!(length >= 4 && length <= longest)) throw new Error(`${JSON.stringify(head)} begins no packet.`);
      if (bytes.length - at < length) break;
      packets.push(bytes.subarray(at + 4, at + length));
      at += length;
    }
    this.#rest = bytes.subarray(at);
    return packets;
  }
}
