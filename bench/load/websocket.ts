import { createHash, randomBytes } from 'node:crypto';
import { clientFrame, closeCode, FrameReader, MalformedFrame, opcodes } from './frames.ts';
import { refusalOf, type StreamEnd, type StreamProtocol } from './stream.ts';

/** The only code that announces an orderly end ("service restart"). */
const serviceRestart = 1012;
const keySuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A websocket whose text messages are numbers in sequence. */
export function webSocket(path: string, hostHeader: string, onNumber: (number: number) => void): StreamProtocol {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1')
    .update(key + keySuffix)
    .digest('base64');
  const frames = new FrameReader();
  const cut = (detail: string): StreamEnd => ({ kind: 'drop', drop: 'stream-cut', detail });

  return {
    request: Buffer.from(
      `GET ${path} HTTP/1.1\r\nhost: ${hostHeader}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
        `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
    ),
    farewell: clientFrame(opcodes.close, codePayload(1000)),
    refuse: (head) => {
      if (head.status !== 101) return refusalOf(head, '101');
      if (head.headers.get('sec-websocket-accept') !== accept)
        return { drop: 'wrong-answer', detail: 'the accept header is not for this key' };
      return undefined;
    },
    data: (chunk, send) => {
      try {
        for (const frame of frames.push(chunk)) {
          if (frame.opcode === opcodes.text) onNumber(Number(frame.payload.toString('utf8')));
          else if (frame.opcode === opcodes.ping) send(clientFrame(opcodes.pong, frame.payload));
          else if (frame.opcode === opcodes.close) {
            const code = closeCode(frame);
            send(clientFrame(opcodes.close, codePayload(code === 1005 ? 1000 : code)));
            return code === serviceRestart ? { kind: 'clean' } : cut(`closed with ${code}`);
          }
        }
      } catch (error) {
        if (!(error instanceof MalformedFrame)) throw error;
        return cut(error.message);
      }
      return undefined;
    },
    framingEnded: () => cut('an upgraded connection cannot end by framing'),
    closed: () => cut(frames.pendingBytes > 0 ? 'closed inside a frame (1006)' : 'closed without a close frame (1006)'),
  };
}

function codePayload(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code, 0);
  return payload;
}
