import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { MalformedAnswer, type ResponseHead, ResponseParser } from './response-parser.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Answer {
  readonly kind: 'answer';
  readonly head: ResponseHead;
  readonly bytes: number;
  readonly crc32: number;
  /** The first 4 KiB of the body. */
  readonly start: Buffer;
}

export interface Fault {
  readonly kind: 'fault';
  readonly fault: 'refused' | 'reset' | 'truncated' | 'timed-out' | 'wrong-answer' | 'client';
  readonly detail: string;
}

export interface Outgoing {
  readonly method: string;
  readonly bytes: Buffer;
  readonly timeoutMs: number;
}

/** The exchange that a connection is busy with. */
interface Waiting {
  readonly parser: ResponseParser;
  finish(result: Answer | Fault): void;
  answer(): Answer;
}

const keptBytes = 4096;
/** This machine has run out of something: not the target's fault. */
const ownTrouble = new Set(['EADDRNOTAVAIL', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES', 'ENETUNREACH', 'EHOSTUNREACH']);

export function faultOf(error: NodeJS.ErrnoException): Fault {
  const detail = error.code ?? error.message;
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return { kind: 'fault', fault: 'refused', detail };
  return { kind: 'fault', fault: ownTrouble.has(detail) ? 'client' : 'reset', detail };
}

/**
 * One TCP connection that carries one exchange after the other. Nothing is ever sent twice: whatever goes wrong is the answer.
 * A peer may close it while it is idle; `usable` then is false and the owner opens another one for its next request.
 */
export class Connection {
  readonly #socket: Socket;
  #current: Waiting | undefined;
  #usable = true;
  #strayBytes = 0;

  constructor(target: Target) {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    this.#socket = socket;
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(faultOf(error)));
    socket.on('end', () => this.#ended());
    socket.on('close', () => this.#ended());
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** Bytes that came while nothing had been asked: an answer too many. */
  get strayBytes(): number {
    return this.#strayBytes;
  }

  close(): void {
    this.#usable = false;
    this.#socket.destroy();
  }

  exchange(request: Outgoing): Promise<Answer | Fault> {
    return new Promise((resolve) => {
      let head: ResponseHead | undefined;
      let bytes = 0;
      let crc = 0;
      let start = Buffer.alloc(0);
      const parser = new ResponseParser(request.method, {
        head: (read) => {
          head = read;
        },
        body: (chunk) => {
          if (bytes < keptBytes) start = Buffer.concat([start, chunk.subarray(0, keptBytes - bytes)]);
          bytes += chunk.length;
          crc = crc32(chunk, crc);
        },
      });
      const timer = setTimeout(() => {
        const seen = parser.started ? `${bytes} bytes of the body had come` : 'no byte of an answer';
        this.#fail({ kind: 'fault', fault: 'timed-out', detail: `after ${request.timeoutMs} ms; ${seen}` });
      }, request.timeoutMs);
      this.#current = {
        parser,
        finish: (result) => {
          clearTimeout(timer);
          this.#current = undefined;
          resolve(result);
        },
        answer: () => ({ kind: 'answer', head: head ?? { status: 0, headers: new Map() }, bytes, crc32: crc, start }),
      };
      if (!this.#usable) this.#fail({ kind: 'fault', fault: 'reset', detail: 'closed before the request was sent' });
      else this.#socket.write(request.bytes);
    });
  }

  #received(chunk: Buffer): void {
    const current = this.#current;
    if (!current) {
      this.#strayBytes += chunk.length;
      this.close();
      return;
    }
    try {
      current.parser.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      this.#fail({ kind: 'fault', fault: 'wrong-answer', detail: error.message });
      return;
    }
    if (current.parser.upgraded)
      this.#fail({ kind: 'fault', fault: 'wrong-answer', detail: '101 without being asked to upgrade' });
    else if (current.parser.complete) this.#complete(current);
  }

  #complete(current: Waiting): void {
    const surplus = current.parser.rest().length;
    if (surplus > 0) {
      this.#fail({ kind: 'fault', fault: 'wrong-answer', detail: `${surplus} bytes behind the end of the answer` });
      return;
    }
    if (!current.parser.keepAlive) this.close();
    current.finish(current.answer());
  }

  #ended(): void {
    this.#usable = false;
    const current = this.#current;
    if (!current) {
      this.#socket.destroy();
      return;
    }
    if (current.parser.end()) this.#complete(current);
    else if (current.parser.started) this.#fail({ kind: 'fault', fault: 'truncated', detail: describeCut(current.answer()) });
    else this.#fail({ kind: 'fault', fault: 'reset', detail: 'closed without an answer' });
  }

  #fail(fault: Fault): void {
    this.close();
    this.#current?.finish(fault);
  }
}

function describeCut(answer: Answer): string {
  const expected = answer.head.headers.get('content-length');
  if (answer.head.status === 0) return 'closed inside the headers';
  return `status ${answer.head.status}, ${answer.bytes}${expected === undefined ? '' : ` of ${expected}`} bytes of the body`;
}
