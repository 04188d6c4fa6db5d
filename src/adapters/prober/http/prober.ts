import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { HealthSpec } from '../../../domain/spec.ts';
import type { Prober, Sight, SmokeRequest } from '../../../ports/prober.ts';
import { askStatus, sayError } from './ask-status.ts';
import { postgresHealth } from './postgres.ts';

/** Bytes of a body that are searched for `contains`. */
const searched = 1024 * 1024;

/**
 * Probes over HTTP/1.1, each on a connection of its own: a probe must not keep a connection open that a stopping app would wait
 * for, nor succeed because an old connection still lives.
 */
export function httpProber(): Prober {
  return {
    health: (target, spec) => {
      if (spec.type === 'http') return httpHealth(target, spec);
      return spec.type === 'postgres' ? postgresHealth(target, spec) : portHealth(target, spec);
    },
    check: (what) => smoke(what),
    close: () => Promise.resolve(),
  };
}

async function httpHealth(target: { host: string; port: number }, spec: HealthSpec): Promise<Sight> {
  const path = spec.path ?? '/';
  const name = `GET ${path}`;
  const { host, port } = target;
  const answer = await askStatus({ host, port, path, userAgent: 'signalbox-health', timeout: spec.timeout });
  if (answer.kind === 'failed') return { ok: false, detail: `${name} ${answer.why}` };
  const ok = answer.status >= 200 && answer.status < 300;
  return { ok, detail: `${name} answered ${answer.status}${isRedirect(answer.status) ? ' (a redirect is not healthy)' : ''}` };
}

const isRedirect = (status: number): boolean => status >= 300 && status < 400;

function portHealth(target: { host: string; port: number }, spec: HealthSpec): Promise<Sight> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port });
    const settle = (ok: boolean, detail: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, detail });
    };
    const timer = setTimeout(() => settle(false, `port ${target.port} did not answer within ${spec.timeout} ms`), spec.timeout);
    socket.once('connect', () => settle(true, `port ${target.port} accepts connections`));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(false, `port ${target.port}: ${sayError(error)}`));
  });
}

async function smoke(what: SmokeRequest): Promise<Sight> {
  const base = new URL(what.baseUrl);
  const name = `GET ${what.host}${what.path}`;
  const answer = await get({
    host: base.hostname,
    port: Number(base.port || 80),
    path: what.path,
    headers: {
      ...what.headers,
      host: what.host,
      'user-agent': 'signalbox-smoke',
      accept: 'text/html,application/json;q=0.9,*/*;q=0.8',
    },
    timeout: what.timeout,
    body: what.contains !== undefined,
  });
  if (answer.kind === 'failed') return { ok: false, detail: `${name} ${answer.why}` };
  const fits = what.status === undefined ? answer.status >= 200 && answer.status < 300 : answer.status === what.status;
  if (!fits) return { ok: false, detail: `${name} answered ${answer.status}, expected ${what.status ?? '2xx'}` };
  if (what.contains !== undefined && !answer.text.includes(what.contains)) {
    return { ok: false, detail: `${name} answered ${answer.status} without "${what.contains}"` };
  }
  return { ok: true, detail: `${name} answered ${answer.status}` };
}

type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly why: string };

interface Get {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for the whole answer. */
  readonly timeout: number;
  /** Read the body (up to `searched` bytes), else only the head. */
  readonly body: boolean;
}

function get(what: Get): Promise<Answer> {
  return new Promise((resolve) => {
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      sent.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle({ kind: 'failed', why: `did not answer within ${what.timeout} ms` }), what.timeout);
    const sent = request(
      {
        host: what.host,
        port: what.port,
        path: what.path,
        method: 'GET',
        headers: { ...what.headers, connection: 'close' },
        agent: false,
      },
      (response) => {
        if (what.body) readBody(response, (text) => settle({ kind: 'answered', status: response.statusCode ?? 0, text }));
        else settle({ kind: 'answered', status: response.statusCode ?? 0, text: '' });
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => settle({ kind: 'failed', why: sayError(error) }));
    sent.end();
  });
}

function readBody(response: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (): void => done(Buffer.concat(chunks).toString('utf8'));
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > searched) finish();
  });
  response.on('end', finish);
  response.on('error', finish);
}
