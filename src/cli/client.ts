import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { ProblemBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { RefusedError } from './failure.ts';
import { readServerEvents, type ServerEvent } from './server-events.ts';

/** Calls of the API. All throw CONTROL_PLANE_UNREACHABLE, or RefusedError with the control plane's own words. */
export interface ApiClient {
  get<Body>(path: string): Promise<Body>;
  /** `by`: who asks, for locks of environments. */
  post<Body>(path: string, body: unknown, options?: { readonly by?: string | undefined }): Promise<Body>;
  upload<Body>(path: string, file: string): Promise<Body>;
  /** Ends when the server ends the stream; throws CONTROL_PLANE_UNREACHABLE when it breaks. */
  events(path: string, options?: { readonly lastEventId?: string; readonly signal?: AbortSignal }): AsyncIterable<ServerEvent>;
}

export type ApiAddress = { readonly token: string; readonly name: string } & (
  | { readonly socketPath: string }
  | { readonly url: string }
);

/** Longest silence of a connection: a plan may have to look at a repository first. */
const answerMs = 120_000;
/** Event streams carry a beat every 15 s. */
const silenceMs = 50_000;

export function openClient(address: ApiAddress): ApiClient {
  const unreachable = (cause: unknown): SignalboxError =>
    new SignalboxError('CONTROL_PLANE_UNREACHABLE', `${capital(address.name)} does not answer (${codeOf(cause)}).`, { cause });

  const open = (
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string; file?: string; silence: number; signal?: AbortSignal },
  ) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const target = targetOf(address, path);
      const settings: RequestOptions = {
        ...target.options,
        method,
        headers: { authorization: `Bearer ${address.token}`, ...options.headers },
        timeout: options.silence,
        agent: false,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      };
      let answered = false;
      const request = (target.secure ? secureRequest : plainRequest)(settings, (answer) => {
        answered = true;
        resolve(answer);
      });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      // A server that refuses a body early has said why before the connection broke.
      request.on('error', (cause) => void (answered || reject(unreachable(cause))));
      if (options.file === undefined) request.end(options.body);
      else
        pipeline(createReadStream(options.file), request).catch(
          (cause: unknown) => void (answered || reject(unreachable(cause))),
        );
    });

  const receive = async <Body>(answer: IncomingMessage): Promise<Body> => {
    let text = '';
    try {
      for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) text += part;
    } catch (cause) {
      throw unreachable(cause);
    }
    return bodyOf({ text, status: answer.statusCode ?? 0, name: address.name }) as Body;
  };

  return {
    get: async (path) => receive(await open('GET', path, { silence: answerMs })),
    post: async (path, body, { by } = {}) =>
      receive(
        await open('POST', path, {
          body: JSON.stringify(body),
          headers: {
            'content-type': 'application/json',
            ...(by === undefined ? {} : { 'signalbox-by': encodeURIComponent(by) }),
          },
          silence: answerMs,
        }),
      ),
    upload: async (path, file) => {
      const { size } = await stat(file);
      const headers = { 'content-type': 'application/x-git-bundle', 'content-length': String(size) };
      return receive(await open('POST', path, { file, headers, silence: answerMs }));
    },
    async *events(path, { lastEventId, signal } = {}) {
      const headers = { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
      const answer = await open('GET', path, { headers, silence: silenceMs, ...(signal === undefined ? {} : { signal }) });
      if (answer.statusCode !== 200) {
        await receive(answer);
        return;
      }
      try {
        yield* readServerEvents(answer);
      } catch (cause) {
        if (signal?.aborted !== true) throw unreachable(cause);
      }
    },
  };
}

/** @throws RefusedError; INTERNAL when what answered is no Signalbox. */
function bodyOf({ text, status, name }: { text: string; status: number; name: string }): unknown {
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    body = null;
  }
  if (status >= 200 && status < 300 && body !== null) return body;
  if (typeof body === 'object' && body !== null && 'code' in body && 'detail' in body)
    throw new RefusedError(body as ProblemBody);
  throw new SignalboxError('INTERNAL', `${capital(name)} answered with status ${status}, which is no answer of Signalbox.`, {
    hint: 'Check SIGNALBOX_URL: it has to lead to the API, not to an app.',
  });
}

function targetOf(address: ApiAddress, path: string): { options: RequestOptions; secure: boolean } {
  if ('socketPath' in address) return { options: { socketPath: address.socketPath, path, host: 'localhost' }, secure: false };
  const url = new URL(address.url);
  const { hostname, port, pathname, protocol } = url;
  return {
    options: {
      hostname: hostname.replace(/^\[|\]$/g, ''),
      ...(port === '' ? {} : { port }),
      path: `${pathname.replace(/\/$/, '')}${path}`,
    },
    secure: protocol === 'https:',
  };
}

const codeOf = (cause: unknown): string =>
  (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause instanceof Error ? cause.message : String(cause));
const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
