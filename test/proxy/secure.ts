import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { type Authority, type Issued, issueCertificate, makeAuthority } from '../../src/certificates/issue.ts';

const day = 86_400_000;

/** An authority of a test's own, and the folder that a worker serves from. */
export interface Certification {
  readonly authority: Authority;
  readonly folder: string;
  issue(names: readonly string[], days?: readonly [number, number]): Issued;
  /** Puts a pair into the folder. */
  put(name: string, pair: Issued): void;
  remove(): void;
}

export function certify(pairs: Readonly<Record<string, readonly string[]>> = { app: ['app.test', 'a.app.test'] }): Certification {
  const root = mkdtempSync(join(tmpdir(), 'sb-certs-'));
  const folder = join(root, 'certificates');
  mkdirSync(folder, { mode: 0o700 });
  const now = Date.now();
  const authority = makeAuthority({
    name: 'Test CA',
    domains: ['test', 'localhost'],
    networks: [[Buffer.from([127, 0, 0, 0]), Buffer.from([255, 0, 0, 0])]],
    term: { notBefore: new Date(now - 400 * day), notAfter: new Date(now + 400 * day) },
  });
  const certification: Certification = {
    authority,
    folder,
    issue: (names, [from, to] = [-1, 90]) =>
      issueCertificate(authority, { names, term: { notBefore: new Date(now + from * day), notAfter: new Date(now + to * day) } }),
    put: (name, { cert, key }) => {
      writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 });
      writeFileSync(join(folder, `${name}.crt`), cert);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  for (const [name, names] of Object.entries(pairs)) certification.put(name, certification.issue(names));
  return certification;
}

/** Shakes hands; rejects with what the client says of a failure. */
export function shake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ...options }, () => resolve(socket));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before the handshake was over')));
  });
}

export interface Ask2 {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

export interface Answer2 {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly interim: readonly IncomingHttpHeaders[];
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

/** A connection of HTTP/2 that trusts the authority of the test; ends with `close()` or `destroy()`. */
export function open2(port: number, authority: Authority, host = 'app.test'): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${host}:${port}`, {
      ca: authority.cert,
      servername: host,
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }] as never),
    });
    session.once('connect', () => resolve(session));
    session.on('error', reject);
  });
}

export function begin2(
  session: ClientHttp2Session,
  { path = '/', method = 'GET', host, headers = {}, body }: Ask2,
): ClientHttp2Stream {
  const stream = session.request(
    { ':path': path, ':method': method, ...(host === undefined ? {} : { ':authority': host }), ...headers },
    { endStream: body === undefined && method !== 'POST' },
  );
  if (body !== undefined) stream.end(body);
  return stream;
}

/** Rejects when the answer is not whole. */
export function ask2(session: ClientHttp2Session, what: Ask2 = {}): Promise<Answer2> {
  return answerOf(begin2(session, what));
}

export function answerOf(stream: ClientHttp2Stream): Promise<Answer2> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const interim: IncomingHttpHeaders[] = [];
    let headers: IncomingHttpHeaders & { ':status'?: number } = {};
    let trailers: IncomingHttpHeaders = {};
    let ended = false;
    stream.on('headers', (found: IncomingHttpHeaders) => interim.push(found));
    stream.on('response', (found: IncomingHttpHeaders) => (headers = found));
    stream.on('trailers', (found: IncomingHttpHeaders) => (trailers = found));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => (ended = true));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0 || !ended) reject(new Error(`the stream was reset: ${stream.rstCode}`));
      else resolve({ status: headers[':status'] ?? 0, headers, interim, body: Buffer.concat(chunks).toString(), trailers });
    });
  });
}
