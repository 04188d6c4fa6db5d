import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type DropKind, dropKinds, type LoadOptions, type LoadReport } from '../../bench/load/contract.ts';
import { generateLoad } from '../../bench/load/generator.ts';
import { answer, closedPort, honestHeaders, serve } from './servers.ts';

const page = { name: 'page', weight: 1, method: 'GET', path: '/page' } as const;
const count = 40;
/** The request that goes wrong, in the middle of healthy ones on kept connections. */
const chosen = 17;

type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => void;

async function loadWith(misbehave: Misbehaviour, options: Partial<LoadOptions> = {}): Promise<LoadReport> {
  const server = await serve((request, response, number) => {
    if (number !== chosen) return false;
    misbehave(request, response);
    return true;
  });
  const report = await generateLoad({ target: server.target, mix: [page], count, connections: 2, timeoutMs: 2000, ...options })
    .done;
  expect(server.requests, 'nothing is sent twice').toHaveLength(count);
  return report;
}

function only(kind: DropKind, times = 1): Record<string, number> {
  return Object.fromEntries(dropKinds.map((each) => [each, each === kind ? times : 0]));
}

test('healthy traffic shows no drop', async () => {
  const server = await serve();
  const report = await generateLoad({ target: server.target, mix: [page], count }).done;
  expect(report).toMatchObject({ started: count, ok: count, dropped: 0, appErrors: 0, clientFaults: 0, inFlight: 0 });
});

test('each refused connection is one drop and is not tried again', async () => {
  const report = await generateLoad({ target: await closedPort(), mix: [page], count: 5, connections: 2 }).done;
  expect(report.drops).toEqual(only('refused', 5));
  expect(report).toMatchObject({ started: 5, ok: 0, dropped: 5 });
});

const cases: [name: string, kind: DropKind, misbehave: Misbehaviour][] = [
  ['a reset before the answer', 'reset', (request) => request.socket.resetAndDestroy()],
  ['a close without an answer', 'reset', (request) => request.socket.destroy()],
  [
    'a reset inside the body',
    'reset',
    (request, response) => {
      response.writeHead(200, { ...honestHeaders(request, 'hello '), 'content-length': '600' });
      response.write('half', () => setTimeout(() => request.socket.resetAndDestroy(), 50));
    },
  ],
  [
    'a body shorter than its content-length',
    'truncated',
    (request, response) => {
      response.writeHead(200, { ...honestHeaders(request, 'hello '), 'content-length': '600' });
      response.write('half', () => request.socket.end());
    },
  ],
  [
    'a chunked body without its last chunk',
    'truncated',
    (request) => {
      request.socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-app: test\r\n\r\n5\r\nhello\r\n');
    },
  ],
  ['an answer that ends inside its headers', 'truncated', (request) => request.socket.end('HTTP/1.1 200 OK\r\nx-ap')],
  ['no answer at all', 'timed-out', () => undefined],
  [
    'a body that stops coming',
    'timed-out',
    (request, response) => {
      response.writeHead(200, { ...honestHeaders(request, ''), 'content-length': '600' });
      response.write('half');
    },
  ],
  ['a 502 that the app did not make', 'proxy-5xx', (_request, response) => void response.writeHead(502).end('bad gateway')],
  ['a 503 that the app did not make', 'proxy-5xx', (_request, response) => void response.writeHead(503).end()],
  ['a 404 that the app did not make', 'wrong-answer', (_request, response) => void response.writeHead(404).end()],
  ['a success that the app did not make', 'wrong-answer', (_request, response) => void response.end('hello ')],
  [
    'a byte changed in the body',
    'wrong-answer',
    (request, response) => {
      response.writeHead(200, honestHeaders(request, 'hello '));
      response.end('hellO ');
    },
  ],
  [
    "somebody else's answer",
    'wrong-answer',
    (request, response) => {
      response.writeHead(200, { ...honestHeaders(request, 'hello '), 'x-tag': 'page-0' });
      response.end('hello ');
    },
  ],
  ['bytes that are no answer', 'wrong-answer', (request) => request.socket.write('HTTP/1.1 OK\r\n\r\n')],
  [
    'an answer sent twice',
    'wrong-answer',
    (request) => {
      const headers = Object.entries(honestHeaders(request, 'hello ')).map(([name, value]) => `${name}: ${value}\r\n`);
      request.socket.write(`HTTP/1.1 200 OK\r\n${headers.join('')}\r\nhello `.repeat(2));
    },
  ],
];

test.each(cases)('%s is exactly one drop: %s', async (_name, kind, misbehave) => {
  const report = await loadWith(misbehave);
  expect(report.drops).toEqual(only(kind));
  expect(report).toMatchObject({ started: count, ok: count - 1, dropped: 1, appErrors: 0, clientFaults: 0 });
  expect(report.firstDrops).toHaveLength(1);
  expect(report.firstDrops[0]).toMatchObject({ kind, item: 'page' });
});

test('a second answer that comes late on an idle connection is a drop', async () => {
  const late = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
  const server = await serve((request, response, number) => {
    if (number !== 2) return false;
    answer(request, response, 'hello ');
    response.on('finish', () => setTimeout(() => request.socket.write(late), 100));
    return true;
  });
  const report = await generateLoad({ target: server.target, mix: [page], rate: 3, count: 4, connections: 1, newConnections: 0 })
    .done;
  expect(report.drops).toEqual(only('wrong-answer'));
  expect(report.ok).toBe(4);
});

test('a wrong length is a drop even without the checks of the app', async () => {
  const server = await serve((_request, response, number) => {
    response.end(number === chosen ? 'abc' : 'abcd');
    return true;
  });
  const mix = [{ ...page, bytes: 4, check: 'status' as const }];
  const report = await generateLoad({ target: server.target, mix, count }).done;
  expect(report.drops).toEqual(only('wrong-answer'));
});

test("the app's own 500 is an error of the app, not a drop", async () => {
  const report = await loadWith((request, response) => {
    response.writeHead(500, honestHeaders(request, 'sorry'));
    response.end('sorry');
  });
  expect(report).toMatchObject({ started: count, ok: count - 1, appErrors: 1, dropped: 0 });
});

test('without an app header every 5xx is a drop', async () => {
  const report = await loadWith((_request, response) => void response.writeHead(500, { 'x-app': 'test' }).end(), {
    appHeader: null,
  });
  expect(report.drops).toEqual(only('proxy-5xx'));
});

test('a connection closed while idle, or announced to close, costs nothing', async () => {
  const server = await serve((request, response, number) => {
    if (number % 5 !== 0) return false;
    if (number % 10 === 0) response.setHeader('connection', 'close');
    else response.on('finish', () => request.socket.end());
    answer(request, response, 'hello ');
    return true;
  });
  const report = await generateLoad({
    target: server.target,
    mix: [page],
    rate: 20,
    count: 20,
    connections: 1,
    newConnections: 0,
  }).done;
  expect(report).toMatchObject({ started: 20, ok: 20, dropped: 0 });
  expect(report.connectionsOpened).toBe(4);
});
