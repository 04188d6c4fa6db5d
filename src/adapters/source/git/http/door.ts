import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { lstat } from 'node:fs/promises';
import { SignalboxError } from '../../../../domain/errors.ts';
import type { AppName } from '../../../../domain/values.ts';
import type { Pushes } from '../../../../ports/pushes.ts';
import { checkApp } from '../names.ts';
import { forgetEnds, noteEnds } from '../pushed.ts';
import { ensureRepository, type Place, repackWhenDue } from '../receive.ts';
import type { Turns } from '../turns.ts';
import { type Backend, startBackend } from './backend.ts';
import { CgiReader } from './cgi.ts';
import { converse } from './conversation.ts';
import { decidePush } from './decide-push.ts';
import { installHook } from './hook.ts';
import { type PushHead, readPushHead } from './push-head.ts';

export interface GitDoorOptions {
  /** Folder of the repositories, `<app>.git` each. */
  readonly folder: string;
  /** PATH on which git is found. */
  readonly searchPath: string;
  readonly turns: Turns;
  readonly pushes: Pick<Pushes, 'receive'>;
  readonly onFault: (error: unknown) => void;
  readonly limits?: Partial<GitDoorLimits>;
}

export interface GitDoorLimits {
  /** Bytes of one pack. Default 2 GiB. */
  readonly packBytes: number;
  /** Bytes of a question before a fetch. Default 16 MiB. */
  readonly questionBytes: number;
  /** Requests at a time, those that wait for a deploy among them. Default 32. */
  readonly requests: number;
  /** Longest silence of a client, and of git, in milliseconds. Default 2 min. */
  readonly silence: number;
  /** For one call of git beside them, in milliseconds. Default 5 min. */
  readonly timeout: number;
}

const defaultLimits: GitDoorLimits = {
  packBytes: 2 * 1024 ** 3,
  questionBytes: 16 * 1024 ** 2,
  requests: 32,
  silence: 120_000,
  timeout: 300_000,
};

/** Bytes by which a pack may always be longer than is taken, so that git can say so. */
const slack = 64 * 1024 ** 2;

export type GitService = 'git-upload-pack' | 'git-receive-pack';

/** Who wants what. */
export interface GitRequest {
  readonly app: AppName;
  readonly service: GitService;
  /** The list of refs, or the service itself. */
  readonly part: 'info/refs' | 'service';
  readonly pusher: string;
}

/** The way for git's own clients: fetch and push over HTTP, by git's own `http-backend`. */
export interface GitDoor {
  /**
   * Answers a request that was let in. @throws before anything is answered: NOT_FOUND for a fetch of an app that nobody has pushed,
   * BAD_REQUEST, TOO_LARGE, GIT_BUSY, GIT_UNAVAILABLE.
   */
  serve(request: GitRequest, http: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }): Promise<void>;
  /** Ends what does not wait for a deploy. */
  close(): void;
}

export function openGitDoor(options: GitDoorOptions): GitDoor {
  const limits = { ...defaultLimits, ...options.limits };
  const running = new Set<Exchange>();
  let hooks: Promise<string> | undefined;
  const placeOf = (app: AppName): Place => ({
    app,
    gitDir: join(options.folder, `${checkApp(app)}.git`),
    searchPath: options.searchPath,
    timeout: limits.timeout,
  });

  async function requireRepository(place: Place, service: GitService): Promise<void> {
    if (service === 'git-receive-pack') return options.turns(place.app, () => ensureRepository(place));
    if ((await lstat(join(place.gitDir, 'HEAD')).catch(() => null)) === null)
      throw new SignalboxError('NOT_FOUND', `Nothing was ever pushed or deployed as ${place.app} here.`);
  }

  return {
    async serve(request, http) {
      const place = placeOf(request.app);
      const body = bodyOf(http.incoming);
      if (running.size >= limits.requests)
        throw new SignalboxError(
          'GIT_BUSY',
          `${running.size} fetches and pushes are under way, which is as many as are taken at a time.`,
        );
      await requireRepository(place, request.service);
      hooks ??= installHook(join(options.folder, '.hooks'));
      const isPush = request.service === 'git-receive-pack' && request.part === 'service';
      const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
      const head = isPush ? await patient(readPushHead(chunks), limits.silence, http.incoming) : nothing;
      if (head.shallow.length > 0) await options.turns(place.app, () => noteEnds(place, head.shallow));
      const backend = startBackend({
        folder: options.folder,
        searchPath: options.searchPath,
        hooks: await hooks,
        path: `/${request.app}.git/${request.part === 'service' ? request.service : request.part}`,
        query: request.part === 'service' ? '' : `service=${request.service}`,
        method: request.part === 'service' ? 'POST' : 'GET',
        contentType: request.part === 'service' ? `application/x-${request.service}-request` : '',
        protocol: /^version=[012]$/.exec(String(http.incoming.headers['git-protocol'] ?? ''))?.[0] ?? '',
        pusher: request.pusher,
        maxPackBytes: limits.packBytes,
      });
      const exchange = new Exchange(backend, {
        body: request.part === 'service' ? { head: head.bytes, chunks } : null,
        outgoing: http.outgoing,
        // A pack that is too long is refused by git, in its own words; nobody goes on sending for ever.
        mostBytes: isPush ? limits.packBytes * 2 + slack : limits.questionBytes,
        silence: limits.silence,
      });
      running.add(exchange);
      try {
        const decided = converse(backend.hook, {
          begun: () => exchange.handOver(),
          decide: async (updates) => {
            const say = (line: string): void => void backend.report.write(`${line}\n`);
            const verdicts = await decidePush({ ...options, place, pusher: request.pusher }, { updates, say });
            backend.report.end();
            return verdicts;
          },
        });
        decided.then(
          () => exchange.takeBack(),
          (error: unknown) => {
            options.onFault(error);
            backend.end();
          },
        );
        await exchange.run();
        if (isPush)
          await options.turns(place.app, async () => {
            if (head.shallow.length > 0) await forgetEnds(place, head.shallow);
            await repackWhenDue(place);
          });
      } finally {
        running.delete(exchange);
        backend.end();
      }
    },
    close() {
      for (const exchange of running) exchange.letGo();
    },
  };
}

/** The body as it was before it was packed for the way. @throws BAD_REQUEST */
function bodyOf(incoming: IncomingMessage): Readable {
  const encoding = (incoming.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return incoming;
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new SignalboxError(
      'BAD_REQUEST',
      `The body is encoded as ${JSON.stringify(encoding.slice(0, 40))}; expected gzip or nothing.`,
    );
  const unpacked = createGunzip();
  incoming.once('error', (error) => unpacked.destroy(error));
  incoming.once('aborted', () => unpacked.destroy());
  return incoming.pipe(unpacked);
}

const nothing: PushHead = { bytes: Buffer.alloc(0), shallow: [] };

/** The head may not take for ever to arrive. */
async function patient(head: Promise<PushHead>, silence: number, incoming: IncomingMessage): Promise<PushHead> {
  const timer = setTimeout(() => incoming.destroy(), silence);
  try {
    return await head;
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause;
    throw new SignalboxError('BAD_REQUEST', 'The push did not arrive completely.', { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function* following({ head, chunks }: { head: Buffer; chunks: AsyncIterator<Buffer> }): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

interface ExchangeSides {
  /** Null: there is none. */
  readonly body: { readonly head: Buffer; readonly chunks: AsyncIterator<Buffer> } | null;
  readonly outgoing: ServerResponse;
  readonly mostBytes: number;
  readonly silence: number;
}

/** One request and its answer, both ways with back-pressure. Ends with git's answer, and with git when the client goes away first. */
class Exchange {
  readonly #backend: Backend;
  readonly #sides: ExchangeSides;
  #handedOver = false;
  #gone = false;
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
