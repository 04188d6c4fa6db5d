import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { httpProber } from '../../../src/adapters/prober/http/prober.ts';
import type { HealthSpec } from '../../../src/domain/spec.ts';
import { millis } from '../../../src/domain/values.ts';
import type { Sight } from '../../../src/ports/prober.ts';

const prober = httpProber();
const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A server that speaks bytes, not HTTP: `answer` gets the socket and the request that came over it. */
async function serve(answer: (socket: Socket, request: string) => unknown): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (chunk) => answer(socket, chunk.toString('latin1')));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const says =
  (text: string) =>
  (socket: Socket): unknown =>
    socket.write(text);

function probe(port: number, fields: Partial<HealthSpec> = {}): Promise<Sight> {
  const spec: HealthSpec = {
    type: 'http',
    path: '/health',
    interval: millis(1000),
    timeout: millis(3000),
    healthyAfter: 2,
    unhealthyAfter: 3,
    deadline: millis(60_000),
    upFor: millis(5000),
    ...fields,
  };
  return prober.health({ host: '127.0.0.1', port }, spec);
}

describe('a health probe', () => {
  it('asks as a client of HTTP/1.1 would, on a connection of its own each time', async () => {
    const requests: string[] = [];
    const connections = new Set<Socket>();
    const port = await serve((socket, request) => {
      connections.add(socket);
      requests.push(request);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
    expect(await probe(port, { path: '/health?deep=1' })).toEqual({ ok: true, detail: 'GET /health?deep=1 answered 200' });
    await probe(port);
    expect(requests[0]).toBe(
      `GET /health?deep=1 HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nuser-agent: signalbox-health\r\nconnection: close\r\n\r\n`,
    );
    expect(connections.size).toBe(2);
  });

  it('sends what a request line cannot hold percent-encoded, and never as a line of its own', async () => {
    let line = '';
    const port = await serve((socket, request) => {
      line = request.slice(0, request.indexOf('host:'));
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
    });
    await probe(port, { path: '/gesund/ü\u0001\r\nx: y' });
    expect(line).toBe('GET /gesund/%C3%BC%01%0D%0Ax:%20y HTTP/1.1\r\n');
  });

  it('is answered by the head alone: it waits for no body and leaves the connection', async () => {
    let left = false;
    const port = await serve((socket) => {
      socket.on('close', () => {
        left = true;
      });
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    });
    expect((await probe(port)).ok).toBe(true);
    for (let tries = 0; !left && tries < 200; tries += 1) await wait(10);
    expect(left).toBe(true);
  });

  it.each([
    ['in one piece', 'HTTP/1.1 204 No Content\r\nx: y\r\n\r\n', 204],
    ['without a reason', 'HTTP/1.1 200\r\n\r\n', 200],
    ['in HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n', 200],
    ['with bare line feeds', 'HTTP/1.1 200 OK\nx: y\n\n', 200],
    [
      'after interim answers',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 OK\r\n\r\n',
      206,
    ],
  ])('understands an answer %s', async (_, text, status) => {
    const port = await serve(says(text));
    expect(await probe(port)).toEqual({ ok: true, detail: `GET /health answered ${status}` });
  });

  it('understands an answer that comes byte by byte', async () => {
    const port = await serve(async (socket) => {
      socket.setNoDelay();
      for (const byte of 'HTTP/1.1 200 OK\r\nx: y\r\n\r\n') {
        socket.write(byte);
        await wait(1);
      }
    });
    expect(await probe(port)).toEqual({ ok: true, detail: 'GET /health answered 200' });
  });

  it.each([
    ['an error', 'HTTP/1.1 503 Service Unavailable\r\n\r\n', 'answered 503'],
    ['a redirect', 'HTTP/1.1 301 Moved\r\nlocation: /\r\n\r\n', 'answered 301 (a redirect is not healthy)'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'answered 101'],
    ['a banner of something else', 'SSH-2.0-OpenSSH_9.6\r\n', 'did not answer in HTTP'],
    ['a status that is none', 'HTTP/1.1 20x Fine\r\n\r\n', 'did not answer in HTTP'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n', 'did not answer in HTTP'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}`, 'failed: its headers are too large'],
  ])('does not take %s for health', async (_, text, why) => {
    const port = await serve(says(text));
    expect(await probe(port)).toEqual({ ok: false, detail: `GET /health ${why}` });
  });

  it('of nobody is refused, and the detail says so', async () => {
    const port = await serve(() => undefined);
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    expect(await probe(port)).toEqual({ ok: false, detail: 'GET /health was refused (nothing listens there)' });
  });

  it.each([
    ['ended before it was answered', (socket: Socket) => socket.end()],
    ['ended within the head', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nx: y\r\n')],
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
  ])('that is %s was reset', async (_, end) => {
    const port = await serve(end);
    expect(await probe(port)).toEqual({ ok: false, detail: 'GET /health was reset' });
  });

  it('that hangs within the head is given up when its whole time is over, however often something comes', async () => {
    const port = await serve(async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      for (; !socket.destroyed; await wait(20)) socket.write('x: y\r\n');
    });
    const started = performance.now();
    expect(await probe(port, { timeout: millis(250) })).toEqual({
      ok: false,
      detail: 'GET /health did not answer within 250 ms',
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(245);
  });
});
