import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testEnvironment } from '../source-git-repository.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A forge on loopback: real git over smart HTTP for the bare repositories of a folder, and an API that remembers what it is told. */
export interface FakeForge {
  readonly url: string;
  readonly port: number;
  /** Requests of git. */
  readonly fetches: readonly Asked[];
  /** Requests of the API, oldest first. */
  readonly calls: readonly Asked[];
  close(): Promise<void>;
}

export interface ForgeAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ForgeRules {
  /** Folder of `<owner>/<name>.git`. */
  readonly folder: string;
  /** Password that git has to bring. */
  readonly token?: string;
  /** Answer to a call of the API; default 201. */
  readonly answer?: (asked: Asked) => ForgeAnswer;
  /** Looks at each request of git first; true: it has answered. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export async function startForge(rules: ForgeRules): Promise<FakeForge> {
  const fetches: Asked[] = [];
  const calls: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const body = Buffer.concat(parts);
    const asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: body.toString('utf8'),
    };
    if (/\.git\//.test(asked.path)) {
      fetches.push(asked);
      if (rules.before?.(request, response) === true) return;
      const given = Buffer.from(/^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '', 'base64').toString('utf8');
      if (rules.token !== undefined && given.slice(given.indexOf(':') + 1) !== rules.token) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="forge"' }).end('who are you?');
        return;
      }
      backend(rules.folder, { request, response, body });
      return;
    }
    calls.push(asked);
    const { status, body: said = '{}', headers = {} }: ForgeAnswer = rules.answer?.(asked) ?? { status: 201 };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(said);
  };
  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    fetches,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** git's own CGI program. */
function backend(
  folder: string,
  { request, response, body }: { request: IncomingMessage; response: ServerResponse; body: Buffer },
): void {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const child = spawn('git', ['-c', 'safe.directory=*', '-c', 'uploadpack.allowFilter=true', 'http-backend'], {
    env: {
      ...testEnvironment(),
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(body);
  const out: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.on('close', () => {
    const whole = Buffer.concat(out);
    const end = whole.indexOf('\r\n\r\n');
    const head = whole.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(/^Status: (\d+)/.exec(head.find((line) => line.startsWith('Status:')) ?? '')?.[1] ?? 200);
    const headers = head
      .filter((line) => line !== '' && !line.startsWith('Status:'))
      .map((line) => line.split(': ', 2) as [string, string]);
    response.writeHead(status, Object.fromEntries(headers)).end(whole.subarray(end + 4));
  });
}
