import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { EngineError } from './errors.ts';

/**
 * The Engine API of Docker over its unix socket. Knows calls, streams and time limits; what is done with them is for its callers.
 * Every path is given without version (`/containers/json`); the version is agreed with the engine on the first call and again after
 * it was away.
 */
export interface Engine {
  readonly socketPath: string;
  /**
   * A call that is answered with JSON (or nothing). 404 and 409 are values, since absence and "already so" are facts, not faults.
   * @throws EngineError for everything else that is no success.
   */
  call<Body = unknown>(method: Method, path: string, options?: CallOptions): Promise<Answer<Body>>;
  /**
   * A call whose answer is a stream. The caller reads it to its end, destroys it, or aborts the signal. The time limit is for the head only.
   * @throws EngineError also for 404 and 409.
   */
  stream(method: Method, path: string, options?: CallOptions): Promise<Readable>;
  /** API version in use, e.g. `1.41`. @throws EngineError */
  version(): Promise<string>;
  /** Ends every open stream and connection. */
  close(): Promise<void>;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';

export interface CallOptions {
  /** Objects are sent as JSON; undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>;
  /** An object is sent as JSON; bytes and streams as a tar archive. */
  readonly body?: object | Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the whole answer is there; for streams until its head is. Default 30,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type Answer<Body> =
  | { readonly ok: true; readonly status: number; readonly body: Body }
  | { readonly ok: false; readonly status: 404 | 409; readonly message: string };

/** What this client was written for; an engine that has given it up is asked in the oldest version that it still has. */
const wanted = '1.41';
const defaultTimeoutMs = 30_000;
/** The time for opening a connection to the socket. */
const connectMs = 5000;

export function openEngine(socketPath: string, { versionMs = 10_000 } = {}): Engine {
  let pool = newPool(socketPath);
  let agreed: Promise<string> | undefined;
  let closed = false;

  const version = (): Promise<string> => {
    agreed ??= negotiate().catch((cause: unknown) => {
      agreed = undefined;
      throw cause;
    });
    return agreed;
  };
  const negotiate = async (): Promise<string> => {
    const { body } = await send('GET', '/version', { timeoutMs: versionMs });
    const { ApiVersion = wanted, MinAPIVersion = '1.12' } = (await within(json(body), versionMs, body)) as Record<string, string>;
    return clamp(wanted, MinAPIVersion, ApiVersion);
  };

  const send = async (method: Method, path: string, options: CallOptions): Promise<Dispatcher.ResponseData> => {
    if (closed) throw new EngineError('unavailable', 'The connection to the engine was closed.');
    const { query = {}, body, headers = {}, timeoutMs = defaultTimeoutMs, signal } = options;
    const bytes = Buffer.isBuffer(body) || isReadable(body);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      return await pool.request({
        method,
        path: path + queryString(query),
        headers: {
          ...(body === undefined ? {} : { 'content-type': bytes ? 'application/x-tar' : 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : bytes ? body : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
    } catch (cause) {
      agreed = undefined;
      if (signal?.aborted) throw signal.reason instanceof Error ? signal.reason : new Error('aborted');
      const why = late.signal.aborted ? `did not answer within ${timeoutMs} ms` : 'cannot be reached';
      throw new EngineError('unavailable', `The Docker engine at ${socketPath} ${why}${reasonOf(cause)}.`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
  /** The answer, or the refusal; an engine of another version has taken the place of the one that was asked last: once more. */
  const ask = async (method: Method, path: string, options: CallOptions, again = true): Promise<Dispatcher.ResponseData> => {
    const answer = await send(method, `/v${await version()}${path}`, options);
    if (answer.statusCode !== 400 || !again || isReadable(options.body)) return answer;
    const message = messageOf(await within(json(answer.body), limitOf(options), answer.body), 400);
    if (!/client version/i.test(message)) throw refusal(400, message);
    agreed = undefined;
    return ask(method, path, options, false);
  };

  return {
    socketPath,
    version,
    call: async <Body>(method: Method, path: string, options: CallOptions = {}): Promise<Answer<Body>> => {
      const answer = await ask(method, path, options);
      const { statusCode: status } = answer;
      const body = await within(json(answer.body), limitOf(options), answer.body);
      if (status < 400) return { ok: true, status, body: body as Body };
      const message = messageOf(body, status);
      if (status === 404 || status === 409) return { ok: false, status, message };
      throw refusal(status, message);
    },
    stream: async (method, path, options = {}) => {
      const answer = await ask(method, path, options);
      const { statusCode: status, body } = answer;
      if (status < 400) {
        // undici reports an end by abort as an error of the stream; nobody may be listening any more then.
        body.on('error', () => {});
        return body;
      }
      throw refusal(status, messageOf(await within(json(body), limitOf(options), body), status));
    },
    close: async () => {
      closed = true;
      const former = pool;
      pool = newPool(socketPath);
      await Promise.allSettled([former.destroy(), pool.destroy()]);
    },
  };
}

/**
 * A connection for each call: opening one costs a tenth of a millisecond, and one that was kept may have died with an engine that was
 * restarted, when a call that changes something could not be told from one that was never read.
 */
const newPool = (socketPath: string): Pool =>
  new Pool('http://engine', { socketPath, connections: null, pipelining: 0, connect: { timeout: connectMs } });

const limitOf = ({ timeoutMs = defaultTimeoutMs }: CallOptions): number => timeoutMs;

const refusal = (status: number, message: string): EngineError =>
  status === 503
    ? new EngineError('unavailable', `The Docker engine is not ready: ${message}`, { status })
    : new EngineError('refused', message, { status });

async function json(body: Dispatcher.ResponseData['body']): Promise<unknown> {
  let text: string;
  try {
    text = await body.text();
  } catch (cause) {
    throw new EngineError('unavailable', 'The Docker engine went away while it answered.', { cause });
  }
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function within<T>(work: Promise<T>, ms: number, body: Readable): Promise<T> {
  const timer = setTimeout(() => body.destroy(new Error(`the answer took longer than ${ms} ms`)), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

const messageOf = (body: unknown, status: number): string => {
  if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') return body.message;
  return typeof body === 'string' && body !== '' ? body.trim() : `The engine answered ${status}.`;
};

function queryString(query: NonNullable<CallOptions['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`${encodeURIComponent(name)}=${encodeURIComponent(typeof value === 'object' ? JSON.stringify(value) : String(value))}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

const isReadable = (body: unknown): body is Readable => typeof body === 'object' && body !== null && 'pipe' in body;

const reasonOf = (cause: unknown): string => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') return ': there is no such socket';
  if (code === 'ECONNREFUSED') return ': nobody listens there';
  if (code === 'EACCES') return ': this user may not use it';
  return typeof code === 'string' ? ` (${code})` : '';
};

/** The version nearest to `version` that the engine has. */
function clamp(version: string, least: string, most: string): string {
  if (isOlder(version, least)) return least;
  return isOlder(most, version) ? most : version;
}

function isOlder(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA === majorB ? minorA < minorB : majorA < majorB;
}
