import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { afterEach } from 'vitest';

export interface Target {
  readonly host: string;
  readonly port: number;
}

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** Answers as the client asks for it: the app's header, the request's tag, the body's crc32; then says what it saw. */
export function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  response.writeHead(200, honestHeaders(request, body));
  response.end(body);
}

export function honestHeaders(request: IncomingMessage, body: string): Record<string, string> {
  return {
    'x-app': 'test v1',
    'x-tag': String(request.headers['x-tag']),
    'x-crc32': String(crc32(body)),
    'content-length': String(Buffer.byteLength(body)),
  };
}

export interface HonestServer {
  readonly target: Target;
  /** Requests that arrived, in order. */
  readonly requests: { readonly method: string; readonly url: string }[];
  connections(): number;
}

/** An honest app, but for the requests that `misbehave` takes over (it returns true; `number` counts from 1). */
export async function serve(
  misbehave: (request: IncomingMessage, response: ServerResponse, number: number) => boolean = () => false,
): Promise<HonestServer> {
  const requests: HonestServer['requests'] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '' });
    if (misbehave(request, response, requests.length)) return;
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => answer(request, response, `hello ${body.trim()}`));
  });
  server.on('connection', () => {
    connections += 1;
  });
  return { target: await listen(server), requests, connections: () => connections };
}

/** A server of bytes: `talk` gets each connection once its first request (or handshake) has arrived, and that request's head. */
export async function serveBytes(talk: (socket: Socket, head: string, number: number) => void): Promise<Target> {
  let number = 0;
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => {
      number += 1;
      talk(socket, chunk.toString('latin1'), number);
    });
  });
  return await listen(server);
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<Target> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return { host: '127.0.0.1', port };
}

async function listen(server: Server | TcpServer): Promise<Target> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
