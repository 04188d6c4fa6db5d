import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { type DropKind, dropKinds, type LoadReport } from '../../bench/load/contract.ts';
import { type Generator, generateLoad } from '../../bench/load/generator.ts';
import { closedPort, serve, serveBytes, type Target } from './servers.ts';

function accept(head: string): string {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1] ?? '';
  const accepted = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accepted}\r\n\r\n`;
}

const frame = (opcode: number, payload: Buffer): Buffer => Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
const message = (number: number): Buffer => frame(1, Buffer.from(String(number)));
const closing = (code: number): Buffer => frame(8, Buffer.from([code >> 8, code & 255]));
const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const event = (number: number): string => chunk(`id: ${number}\ndata: x\n\n`);

async function follow(target: Target, kind: 'websockets' | 'events', messages: number, silenceMs = 10_000): Promise<LoadReport> {
  const load: Generator = generateLoad({
    mix: [],
    target,
    [kind]: { count: 1, path: kind === 'events' ? '/events' : '/socket', silenceMs },
  });
  await vi.waitUntil(() => load.totals()[kind].messages >= messages, { timeout: 10_000, interval: 10 });
  return await load.stop();
}

function only(kind: DropKind): Record<string, number> {
  return Object.fromEntries(dropKinds.map((each) => [each, each === kind ? 1 : 0]));
}

const sent = (socket: Socket, head: string, ...parts: (Buffer | string)[]): void => {
  socket.write(Buffer.concat([Buffer.from(head), ...parts.map((part) => Buffer.from(part))]));
};

const websocketEnds: [name: string, kind: DropKind, end: (socket: Socket) => void][] = [
  ['a websocket cut without a close frame (1006)', 'stream-cut', (socket) => socket.end()],
  ['a reset websocket', 'stream-cut', (socket) => socket.resetAndDestroy()],
  ['a websocket closed with 1000', 'stream-cut', (socket) => socket.end(closing(1000))],
  ['a websocket closed with 1001', 'stream-cut', (socket) => socket.end(closing(1001))],
  ['a websocket cut inside a frame', 'stream-cut', (socket) => socket.end(message(3).subarray(0, 2))],
  ['a number skipped on a websocket', 'sequence-gap', (socket) => socket.end(Buffer.concat([message(4), closing(1012)]))],
  ['a number sent twice on a websocket', 'sequence-repeat', (socket) => socket.end(Buffer.concat([message(2), closing(1012)]))],
  ['a masked frame', 'stream-cut', (socket) => socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))],
  ['a websocket that falls silent', 'timed-out', () => undefined],
];

test.each(websocketEnds)('%s is exactly one drop: %s', async (_name, kind, end) => {
  const target = await serveBytes((socket, head, number) => {
    const next = Number(/[?&]from=(\d+)/.exec(head)?.[1]);
    if (number === 1) {
      sent(socket, accept(head), message(1), message(2));
      setTimeout(() => end(socket), 50);
    } else sent(socket, accept(head), message(next), message(next + 1));
  });
  const expected = kind === 'sequence-gap' || kind === 'sequence-repeat' ? 5 : 4;
  const report = await follow(target, 'websockets', expected, kind === 'timed-out' ? 500 : 10_000);
  expect(report.drops).toEqual(only(kind));
  expect(report.websockets).toMatchObject({ opened: 2, messages: expected });
});

test('a websocket closed with 1012 is no drop, and its sequence goes on at the next number', async () => {
  const numbers: number[] = [];
  const target = await serveBytes((socket, head, number) => {
    const next = Number(/[?&]from=(\d+)/.exec(head)?.[1]);
    numbers.push(next);
    sent(socket, accept(head), message(next), message(next + 1));
    if (number < 3) setTimeout(() => socket.end(closing(1012)), 20);
  });
  const report = await follow(target, 'websockets', 6);
  expect(report.dropped).toBe(0);
  expect(report.websockets).toEqual({ opened: 3, messages: 6, cleanEnds: 2 });
  expect(numbers).toEqual([1, 3, 5]);
});

test('after 1012 a number from before is a repeat, one too far a gap', async () => {
  const target = await serveBytes((socket, head, number) => {
    const first = [1, 2, 9][number - 1] ?? 10;
    sent(socket, accept(head), message(first), message(first + 1));
    if (number < 3) setTimeout(() => socket.end(closing(1012)), 20);
  });
  const report = await follow(target, 'websockets', 6);
  expect(report.drops).toMatchObject({ 'sequence-repeat': 1, 'sequence-gap': 1, 'stream-cut': 0 });
  expect(report.dropped).toBe(2);
});

test('a ping is answered and is no message', async () => {
  const pongs: Buffer[] = [];
  const target = await serveBytes((socket, head) => {
    sent(socket, accept(head), frame(9, Buffer.from('are you there')), message(1));
    socket.on('data', (bytes) => pongs.push(bytes));
  });
  const report = await follow(target, 'websockets', 1);
  expect(report).toMatchObject({ dropped: 0, websockets: { messages: 1 } });
  expect(pongs[0]?.[0]).toBe(0x8a);
});

const eventEnds: [name: string, kind: DropKind, end: (socket: Socket) => void][] = [
  ['an event stream cut without its last chunk', 'stream-cut', (socket) => socket.end()],
  ['a reset event stream', 'stream-cut', (socket) => socket.resetAndDestroy()],
  ['an event stream that ends inside an event', 'stream-cut', (socket) => socket.end(`${chunk('id: 3\nda')}0\r\n\r\n`)],
  ['an event skipped', 'sequence-gap', (socket) => socket.end(`${event(4)}0\r\n\r\n`)],
  ['an event sent twice', 'sequence-repeat', (socket) => socket.end(`${event(2)}0\r\n\r\n`)],
  ['an event stream that falls silent', 'timed-out', () => undefined],
];

test.each(eventEnds)('%s is exactly one drop: %s', async (_name, kind, end) => {
  const target = await serveBytes((socket, head, number) => {
    const next = Number(/last-event-id: (\d+)/i.exec(head)?.[1] ?? 0) + 1;
    sent(socket, streamHead, event(next), event(next + 1));
    if (number === 1) setTimeout(() => end(socket), 50);
  });
  const expected = kind === 'sequence-gap' || kind === 'sequence-repeat' ? 5 : 4;
  const report = await follow(target, 'events', expected, kind === 'timed-out' ? 500 : 10_000);
  expect(report.drops).toEqual(only(kind));
});

test('an event stream that ends cleanly is no drop, and is resumed by last-event-id', async () => {
  const resumed: string[] = [];
  const target = await serveBytes((socket, head, number) => {
    const last = /last-event-id: (\d+)/i.exec(head)?.[1] ?? 'none';
    resumed.push(last);
    const next = last === 'none' ? 1 : Number(last) + 1;
    sent(socket, streamHead, event(next), event(next + 1));
    if (number < 3) socket.end('0\r\n\r\n');
  });
  const report = await follow(target, 'events', 6);
  expect(report.dropped).toBe(0);
  expect(report.events).toEqual({ opened: 3, messages: 6, cleanEnds: 2 });
  expect(resumed).toEqual(['none', '2', '4']);
});

test('a handshake that is refused, answered by the proxy or reset is a drop of its kind', async () => {
  const answers = [
    'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n',
    '',
  ];
  const target = await serveBytes((socket, head, number) => {
    const given = answers[number - 1];
    if (given === undefined) sent(socket, accept(head), message(1));
    else socket.end(given);
  });
  const report = await follow(target, 'websockets', 1);
  expect(report.drops).toMatchObject({ 'proxy-5xx': 1, 'wrong-answer': 1, reset: 1 });
  expect(report.dropped).toBe(3);

  const load = generateLoad({ mix: [], target: await closedPort(), events: { count: 1, path: '/events' } });
  await vi.waitUntil(() => load.totals().drops.refused >= 2, { timeout: 5000 });
  expect((await load.stop()).events.opened).toBe(0);
});

test('leaving in good order is no drop for anybody', async () => {
  const farewells: Buffer[] = [];
  const target = await serveBytes((socket, head) => {
    socket.on('data', (bytes) => farewells.push(bytes));
    sent(socket, accept(head), message(1));
  });
  const report = await follow(target, 'websockets', 1);
  expect(report.dropped).toBe(0);
  await vi.waitUntil(() => farewells.length > 0, { timeout: 5000 });
  expect(farewells[0]?.[0]).toBe(0x88);
});

test('many streams are told apart by their client ids', async () => {
  const server = await serve(() => true);
  const load = generateLoad({
    mix: [],
    target: server.target,
    events: { count: 20, path: '/events' },
    websockets: { count: 20, path: '/socket?x=1' },
  });
  await vi.waitUntil(() => server.requests.length >= 20, { timeout: 5000 });
  await load.stop();
  const ids = server.requests.map((request) => new URL(request.url, 'http://x').searchParams.get('client'));
  expect(new Set(ids).size).toBe(ids.length);
});
