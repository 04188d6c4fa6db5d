import type { Socket } from 'node:net';
import { FrameTracker, restartFrame } from './websocket-frames.ts';

/** How long a cut websocket may take to end its frame, and its client to answer the close. */
const closeGraceMs = 1_000;

/** Two sockets joined after an upgrade. */
export class Tunnel {
  readonly #client: Socket;
  readonly #instance: Socket;
  readonly #frames: FrameTracker | undefined;
  readonly #onEnd: () => void;
  #closing = false;
  #ended = false;

  constructor(client: Socket, instance: Socket, options: { readonly websocket: boolean; readonly onEnd: () => void }) {
    this.#client = client;
    this.#instance = instance;
    this.#frames = options.websocket ? new FrameTracker() : undefined;
    this.#onEnd = options.onEnd;
    for (const socket of [client, instance]) {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.on('error', () => this.#end());
      socket.on('close', () => this.#end());
    }
    client.pipe(instance);
    instance.on('data', (chunk: Buffer) => this.#toClient(chunk));
    instance.on('end', () => {
      if (!this.#closing) client.end();
    });
    client.on('drain', () => instance.resume());
    instance.resume();
    client.resume();
  }

  /** Says "service restart" at the next frame border and ends; other protocols are ended at once. */
  cut(): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    if (!this.#frames) {
      this.#end();
      return;
    }
    if (this.#frames.atBoundary) this.#sayRestart();
    setTimeout(() => this.#end(), closeGraceMs);
  }

  #toClient(chunk: Buffer): void {
    if (!this.#frames) {
      if (!this.#client.write(chunk)) this.#instance.pause();
      return;
    }
    // Once the close frame is said nothing may follow it.
    if (this.#closing && this.#frames.atBoundary) return;
    const boundary = this.#frames.take(chunk);
    if (this.#closing && boundary !== -1) {
      this.#client.write(chunk.subarray(0, boundary));
      this.#sayRestart();
      this.#instance.pause();
      return;
    }
    if (!this.#client.write(chunk)) this.#instance.pause();
  }

  #sayRestart(): void {
    this.#client.end(restartFrame);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#closing) this.#client.destroySoon();
    else this.#client.end();
    this.#instance.destroy();
    const client = this.#client;
    setTimeout(() => client.destroy(), closeGraceMs).unref();
    this.#onEnd();
  }
}
