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
import { startBackend } from './backend.ts';
import { converse } from './conversation.ts';
import { decidePush } from './decide-push.ts';
import { Exchange } from './exchange.ts';
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
  let inside = 0;
  let hooks: string | undefined;
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

  const serve: GitDoor['serve'] = async (request, http) => {
    const place = placeOf(request.app);
    const body = bodyOf(http.incoming);
    await requireRepository(place, request.service);
    hooks ??= await installHook(join(options.folder, '.hooks'));
    const isPush = request.service === 'git-receive-pack' && request.part === 'service';
    const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const head = isPush ? await patient(readPushHead(chunks), limits.silence, http.incoming) : nothing;
    if (head.shallow.length > 0) await options.turns(place.app, () => noteEnds(place, head.shallow));
    const backend = startBackend({
      folder: options.folder,
      searchPath: options.searchPath,
      hooks,
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
  };

  return {
    async serve(request, http) {
      if (inside >= limits.requests)
        throw new SignalboxError(
          'GIT_BUSY',
          `${inside} fetches and pushes are under way, which is as many as are taken at a time.`,
        );
      inside += 1;
      try {
        await serve(request, http);
      } finally {
        inside -= 1;
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
