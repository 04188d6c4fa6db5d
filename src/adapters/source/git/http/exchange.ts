import type { ServerResponse } from 'node:http';
import { SignalboxError } from '../../../../domain/errors.ts';
import type { Backend } from './backend.ts';
import { CgiReader } from './cgi.ts';

async function* following({ head, chunks }: { head: Buffer; chunks: AsyncIterator<Buffer> }): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

export interface ExchangeSides {
  /** Null: there is none. */
  readonly body: { readonly head: Buffer; readonly chunks: AsyncIterator<Buffer> } | null;
  readonly outgoing: ServerResponse;
  readonly mostBytes: number;
  readonly silence: number;
}

/** One request and its answer, both ways with back-pressure. Ends with git's answer, and with git when the client goes away first. */
export class Exchange {
  readonly #backend: Backend;
  readonly #sides: ExchangeSides;
  #handedOver = false;
  #gone = false;
  #over = false;
  #silence: NodeJS.Timeout | undefined;
  #refusal: SignalboxError | undefined;

  constructor(backend: Backend, sides: ExchangeSides) {
    this.#backend = backend;
    this.#sides = sides;
  }

  /** What is pushed is here, and being decided on: from now on git is not ended because the client goes away. */
  handOver(): void {
    this.#handedOver = true;
    clearTimeout(this.#silence);
  }

  /** All is decided: what is left is to say it. */
  takeBack(): void {
    if (!this.#handedOver || this.#over) return;
    this.#handedOver = false;
    this.#heard();
    if (this.#gone) this.letGo();
  }

  letGo(): void {
    if (!this.#handedOver) this.#backend.end();
  }

  async run(): Promise<void> {
    const { outgoing } = this.#sides;
    const left = (): void => {
      if (outgoing.writableFinished) return;
      this.#gone = true;
      this.letGo();
    };
    outgoing.once('close', left);
    this.#heard();
    try {
      const sent = this.#send();
      await Promise.all([this.#answer(), sent]);
    } finally {
      this.#over = true;
      clearTimeout(this.#silence);
      outgoing.off('close', left);
    }
  }

  #heard(): void {
    clearTimeout(this.#silence);
    if (this.#handedOver) return;
    this.#silence = setTimeout(() => {
      this.letGo();
      this.#sides.outgoing.destroy();
    }, this.#sides.silence);
  }

  async #send(): Promise<void> {
    const { body, mostBytes } = this.#sides;
    const { input } = this.#backend;
    let bytes = 0;
    try {
      for await (const chunk of body === null ? [] : following(body)) {
        this.#heard();
        bytes += chunk.length;
        if (bytes > mostBytes) {
          this.#refusal = new SignalboxError('TOO_LARGE', 'The request is larger than what git is given.');
          this.letGo();
          return;
        }
        // git that has said what it has to say reads no more; what the client still sends is let through.
        if (input.writable && !input.write(chunk)) await roomIn(input);
      }
      input.end();
    } catch {
      // The client broke off, or its body was not what it said to be.
      this.letGo();
    }
  }

  async #answer(): Promise<void> {
    const { outgoing } = this.#sides;
    const reader = new CgiReader();
    let answered = false;
    for await (const chunk of this.#backend.output as AsyncIterable<Buffer>) {
      this.#heard();
      if (answered) await this.#give(chunk);
      else {
        const head = reader.take(chunk);
        if (head === null) continue;
        answered = true;
        if (this.#gone || outgoing.destroyed) continue;
        outgoing.writeHead(head.status, { ...head.headers, 'x-content-type-options': 'nosniff' });
        if (head.rest.length > 0) await this.#give(head.rest);
      }
    }
    if (!answered && !this.#gone) throw this.#refusal ?? unavailable(this.#backend.lastWords());
    if (this.#refusal) outgoing.destroy();
    else if (!this.#gone) outgoing.end();
  }

  async #give(chunk: Buffer): Promise<void> {
    const { outgoing } = this.#sides;
    if (this.#gone || outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await roomIn(outgoing);
  }
}

/** Resolves when there is room again, or nobody who would need it. */
const roomIn = (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.once(event, done);
  });

const unavailable = (words: string): SignalboxError =>
  new SignalboxError('GIT_UNAVAILABLE', `git has not answered${words === '' ? '' : `: ${words.slice(0, 300)}`}.`);
