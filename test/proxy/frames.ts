import type { TLSSocket } from 'node:tls';
import type { Authority } from '../../src/certificates/issue.ts';
import { until } from './processes.ts';
import { shake } from './secure.ts';

export const frameTypes = { data: 0, headers: 1, rst: 3, settings: 4, ping: 6, goaway: 7, window: 8, continuation: 9 } as const;
export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client of HTTP/2 that says whatever a test wants it to, and keeps all frames that come. */
export interface FrameClient {
  readonly socket: TLSSocket;
  readonly frames: readonly Frame[];
  /** The other side has ended the connection. */
  readonly ended: boolean;
  readonly send: (...frames: readonly Buffer[]) => void;
  /** Waits for a frame of a kind, on a stream if given. */
  readonly frame: (type: number, stream?: number) => Promise<Frame>;
}

export function frame(type: number, flagBits: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flagBits;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A block of header lines, each a literal that is not indexed. Names go out as they are spelt. */
export function block(lines: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const length = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    return Buffer.concat([Buffer.from([...length, rest]), bytes]);
  };
  return Buffer.concat(lines.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const get = (path: string, more: readonly (readonly [string, string])[] = []): readonly (readonly [string, string])[] => [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'app.test'],
  [':path', path],
  ...more,
];

export async function openFrames(port: number, authority: Authority, settings = Buffer.alloc(0)): Promise<FrameClient> {
  const socket = await shake(port, { servername: 'app.test', ca: authority.cert, ALPNProtocols: ['h2'] });
  const frames: Frame[] = [];
  const state = { ended: false };
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 9) {
      const length = pending.readUIntBE(0, 3);
      if (pending.length < 9 + length) return;
      frames.push({
        type: pending[3] ?? 0,
        flags: pending[4] ?? 0,
        stream: pending.readUInt32BE(5) & 0x7fffffff,
        payload: pending.subarray(9, 9 + length),
      });
      pending = pending.subarray(9 + length);
    }
  });
  for (const event of ['end', 'close'] as const) socket.on(event, () => (state.ended = true));
  socket.on('error', () => {});
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frameTypes.settings, 0, 0, settings)]));
  return {
    socket,
    frames,
    get ended() {
      return state.ended;
    },
    send: (...out) => void socket.write(Buffer.concat(out)),
    frame: (type, stream) =>
      until(`a frame of type ${type}`, () =>
        frames.find((one) => one.type === type && (stream === undefined || one.stream === stream)),
      ),
  };
}

/** Name of the error in an RST_STREAM or GOAWAY frame, by number. */
export const errorOf = ({ type, payload }: Frame): number => payload.readUInt32BE(type === frameTypes.goaway ? 4 : 0);
