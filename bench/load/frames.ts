import { randomBytes } from 'node:crypto';

export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Raised for bytes that no websocket server may send. */
export class MalformedFrame extends Error {}

/** Longest message that is accepted; the streams of this client are small. */
const maxPayloadBytes = 1024 * 1024;

/** Splits what a server sends into frames (RFC 6455, unfragmented). */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /** Bytes of an unfinished frame. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** @throws MalformedFrame */
  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const first = bytes.readUInt8(0);
    const second = bytes.readUInt8(1);
    if ((first & 0xf0) !== 0x80) throw new MalformedFrame(`a fragment or an extension: first byte 0x${first.toString(16)}`);
    if ((second & 0x80) !== 0) throw new MalformedFrame('a masked frame from a server');
    let length = second & 0x7f;
    let start = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      start = 10;
    }
    if (length > maxPayloadBytes) throw new MalformedFrame(`a frame of ${length} bytes`);
    if (bytes.length < start + length) return undefined;
    this.#pending = bytes.subarray(start + length);
    return { opcode: first & 0x0f, payload: bytes.subarray(start, start + length) };
  }
}

/** A masked frame, as clients must send them. Payloads up to 125 bytes. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  if (payload.length > 125)
    throw new RangeError(`control frames and this client's messages are short, not ${payload.length} bytes`);
  const mask = randomBytes(4);
  const frame = Buffer.alloc(6 + payload.length);
  frame.writeUInt8(0x80 | opcode, 0);
  frame.writeUInt8(0x80 | payload.length, 1);
  mask.copy(frame, 2);
  for (const [index, byte] of payload.entries()) frame.writeUInt8(byte ^ (mask[index & 3] ?? 0), 6 + index);
  return frame;
}

/** Code of a close frame; 1005 when it carries none. */
export function closeCode(frame: Frame): number {
  return frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
}
