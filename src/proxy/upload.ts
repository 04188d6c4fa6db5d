import { Readable } from 'node:stream';
import type { ClientRequest } from './client-side.ts';

/** Why a request body came to nothing; the client's leaving is heard elsewhere. */
export type UploadFault = 'too-large' | 'too-slow';

export interface UploadLimits {
  readonly maxBytes: number;
  readonly idleTimeoutMs: number;
}

/** A body of at most this size is read before an instance is bothered with the request. */
export const gatheredBytes = 64 * 1024;

/** At most 2 MiB of bodies wait for their next use. */
const mostSpare = 32;
const spare: Buffer[] = [];
const ours = new WeakSet<ArrayBufferLike>();

/** Joins into a buffer that is used again: a fresh one for each body costs more than the copying. */
function joined(chunks: readonly Buffer[], length: number): Buffer {
  if (length < gatheredBytes / 2) return Buffer.concat(chunks, length);
  const body = spare.pop() ?? Buffer.allocUnsafeSlow(gatheredBytes);
  ours.add(body.buffer);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(body, at);
  return body.subarray(0, length);
}

/** To be called when nobody, the system included, needs a gathered body any more; one that is never given back is garbage. */
export function giveBackBody(body: Buffer): void {
  if (!ours.delete(body.buffer)) return;
  if (spare.length < mostSpare) spare.push(Buffer.from(body.buffer as ArrayBuffer));
}

/** The body of one request on its way in. */
export class Upload {
  readonly #req: ClientRequest;
  readonly #maxBytes: number;
  /** Longest silence of the client. */
  readonly idleTimeoutMs: number;
  readonly #uploads: Uploads;
  readonly #onFault: (fault: UploadFault) => void;
  #received = 0;
  #stream: Readable | undefined;
  #over = false;
  /** When the client last did its part; 0 while it is us who make it wait. */
  waitingSince = performance.now();

  constructor(req: ClientRequest, limits: UploadLimits, uploads: Uploads, onFault: (fault: UploadFault) => void) {
    this.#req = req;
    this.#maxBytes = limits.maxBytes;
    this.idleTimeoutMs = limits.idleTimeoutMs;
    this.#uploads = uploads;
    this.#onFault = onFault;
    uploads.add(this);
  }

  /** Reads the whole (small) body. */
  gather(done: (body: Buffer) => void): void {
    const chunks: Buffer[] = [];
    this.#req.on('data', (chunk: Buffer) => {
      if (this.#took(chunk)) chunks.push(chunk);
    });
    this.#req.on('end', () => {
      if (this.#over) return;
      this.finish();
      done(chunks.length === 1 && chunks[0] ? chunks[0] : joined(chunks, this.#received));
    });
  }

  /**
   * The body as a stream that fills no faster than it is read. Destroying it leaves the client's connection alone; as long as
   * nothing was read from it another one can take its place.
   */
  stream(): Readable {
    const req = this.#req;
    const first = this.#stream === undefined;
    this.#stream = new Readable({
      highWaterMark: gatheredBytes,
      read: () => {
        this.waitingSince = performance.now();
        req.resume();
      },
    });
    if (first) {
      req.on('data', (chunk: Buffer) => {
        if (!this.#took(chunk) || this.#stream?.destroyed !== false || this.#stream.push(chunk)) return;
        this.waitingSince = 0;
        req.pause();
      });
      req.on('end', () => {
        if (!this.#over) this.#stream?.push(null);
        this.finish();
      });
      req.pause();
    }
    return this.#stream;
  }

  /** Nothing of the body is wanted any more; what still comes is thrown away. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#uploads.delete(this);
    this.#req.resume();
  }

  fault(fault: UploadFault): void {
    if (this.#over) return;
    this.finish();
    this.#onFault(fault);
  }

  #took(chunk: Buffer): boolean {
    if (this.#over) return false;
    this.waitingSince = performance.now();
    this.#received += chunk.length;
    if (this.#received > this.#maxBytes) this.fault('too-large');
    return !this.#over;
  }
}

/** All uploads under way; one clock ends those whose clients have gone silent. */
export class Uploads {
  readonly #all = new Set<Upload>();
  readonly #timer: NodeJS.Timeout;

  /** @param idleTimeoutMs the shortest silence that ends an upload; it sets how often they are looked at, at least each second. */
  constructor(idleTimeoutMs: number) {
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        for (const upload of this.#all)
          if (upload.waitingSince > 0 && upload.waitingSince + upload.idleTimeoutMs < now) upload.fault('too-slow');
      },
      Math.min(1_000, Math.max(50, idleTimeoutMs / 4)),
    );
    this.#timer.unref();
  }

  add(upload: Upload): void {
    this.#all.add(upload);
  }

  delete(upload: Upload): void {
    this.#all.delete(upload);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
