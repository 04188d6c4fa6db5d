import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProxyLimits } from '../../src/proxy/protocol.ts';
import { block, errorOf, type FrameClient, flags, frame, frameTypes, get, openFrames } from './frames.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp, until } from './processes.ts';
import { ask2, type Certification, certify, open2, shake } from './secure.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;
let certs: Certification;
const clients: FrameClient[] = [];

async function start(limits: Partial<ProxyLimits> = {}): Promise<void> {
  certs = certify();
  [bench, app] = await Promise.all([openBench({ certificates: certs.folder, limits }), startApp('app')]);
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] }));
}
beforeEach(() => {
  clients.length = 0;
});
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await bench?.close();
  await endApps();
  certs?.remove();
});

async function open(settings?: ReturnType<typeof setting>): Promise<FrameClient> {
  const client = await openFrames(bench.httpsPort, certs.authority, settings);
  clients.push(client);
  return client;
}
const request = (stream: number, lines: Parameters<typeof block>[0], end = true): Buffer =>
  frame(frameTypes.headers, flags.endHeaders | (end ? flags.endStream : 0), stream, block(lines));
const post = (path: string, more: Parameters<typeof block>[0] = []) =>
  get(path, more).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const);
const setting = (id: number, value: number) => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};
const honest = async (): Promise<string> => {
  const client = await open2(bench.httpsPort, certs.authority);
  const { body } = await ask2(client, { path: '/who' });
  client.destroy();
  return body;
};
/** Of the worker, MiB. */
const resident = (): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${bench.worker.pid}/status`, 'utf8'))?.[1]) / 1024;

describe('a request that two programs could read differently', () => {
  const plain = get('/who');
  const without = (name: string) => plain.filter(([other]) => other !== name);
  const cases: Readonly<Record<string, Parameters<typeof block>[0]>> = {
    'a transfer encoding': [...plain, ['transfer-encoding', 'chunked']],
    'a connection header': [...plain, ['connection', 'x-secret']],
    'an upgrade': [...plain, ['upgrade', 'websocket']],
    'upper case in a name': [...plain, ['X-Big', '1']],
    'two paths': [...plain, [':path', '/other']],
    'two methods': [[':method', 'POST'], ...plain],
    'a pseudo-header after others': [...without(':path'), ['x-a', '1'], [':path', '/who']],
    'an unknown pseudo-header': [[':x', '1'], ...plain],
    'no path': without(':path'),
    'no method': without(':method'),
    'no host at all': without(':authority'),
    'two lengths': [...plain, ['content-length', '0'], ['content-length', '5']],
    'a length that is none': [...plain, ['content-length', '+5']],
    'another host beside the authority': [...plain, ['host', 'evil.test']],
    'two hosts': [...without(':authority'), ['host', 'app.test'], ['host', 'evil.test']],
    'a space in the path': [...without(':path'), [':path', '/who HTTP/1.1']],
    'a line feed in the path': [...without(':path'), [':path', '/who HTTP/1.1\r\nx: y']],
    'a path that is none': [...without(':path'), [':path', 'who']],
    'a fragment': [...without(':path'), [':path', '/who#x']],
    'a line feed in the method': [[':method', 'GET / HTTP/1.1\r\nx: y'], ...without(':method')],
    'user and password before the host': [...without(':authority'), [':authority', 'app.test@evil.test']],
    CONNECT: [
      [':method', 'CONNECT'],
      [':authority', 'evil.test:25'],
    ],
    'a method in lower case': [[':method', 'get'], ...without(':method')],
    'a method that is none': [[':method', 'PRI'], ...without(':method')],
    'bytes in the path that are no ASCII': [...without(':path'), [':path', '/who\xe9']],
    'a strange scheme': [[':scheme', 'gopher'], ...without(':scheme')],
  };
  test('never reaches the app', async () => {
    await start();
    const { seen } = await app.stats();
    const outcomes = await Promise.all(
      Object.entries(cases).map(async ([name, lines]) => {
        const client = await open();
        client.send(request(1, lines));
        await until(
          `an end of ${name}`,
          () =>
            client.ended ||
            client.frames.some(
              ({ type, stream }) =>
                (stream === 1 && (type === frameTypes.rst || type === frameTypes.headers)) || type === frameTypes.goaway,
            ),
        );
        const head = client.frames.find(({ type, stream }) => stream === 1 && type === frameTypes.headers);
        // A status of 200 is the one that the header table knows as a single byte.
        return [name, head?.payload[0] === 0x88 ? 'served' : 'refused'];
      }),
    );
    expect(outcomes.filter(([, outcome]) => outcome === 'served')).toEqual([]);
    expect((await app.stats()).seen).toBe(seen);
    expect(await honest()).toBe('app');
  });
  test.each([
    ['a line feed in a value', 'x-a', 'b\r\nx-injected: 1'],
    ['a NUL in a value', 'x-a', 'b\0c'],
    ['a line feed in a name', 'x-a\r\nx-injected', '1'],
    ['a colon in a name', 'x-a: b', '1'],
  ])('%s: the line does not reach the app in any form', async (_what, name, value) => {
    await start();
    const client = await open();
    client.send(request(1, get('/headers', [[name, value]])));
    const { payload } = await client.frame(frameTypes.data, 1);
    expect(payload.toString()).toContain('"url":"/headers"');
    expect(payload.toString()).not.toMatch(/x-a|injected/);
  });
  test.each([
    ['shorter', 3],
    ['longer', 9],
  ])('a body that is %s than announced is never whole to the app', async (_what, bytes) => {
    await start();
    const client = await open();
    client.send(
      request(1, post('/once?nonce=odd', [['content-length', '5']]), false),
      frame(frameTypes.data, flags.endStream, 1, Buffer.alloc(bytes, 97)),
    );
    await client.frame(frameTypes.rst, 1);
    await wait(100);
    expect((await app.stats()).posts).toEqual({});
    expect(await honest()).toBe('app');
  });
});

describe('floods', () => {
  test('requests that are taken back at once: the connection ends, others are served, nothing stays in flight', async () => {
    await start();
    const client = await open();
    for (let id = 1; id < 8_000 && !client.ended; id += 2) {
      client.send(request(id, get('/slow?ms=5000')), frame(frameTypes.rst, 0, id, Buffer.from([0, 0, 0, 8])));
      if (id % 400 === 1) await wait(1);
    }
    await client.frame(frameTypes.goaway);
    expect(await honest()).toBe('app');
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0);
  });
  test('headers without an end: the connection ends', async () => {
    await start();
    const client = await open();
    client.send(frame(frameTypes.headers, 0, 1, block(get('/who'))));
    for (let i = 0; i < 2_000 && !client.ended; i++) {
      client.send(frame(frameTypes.continuation, 0, 1, block([['x-more', 'y'.repeat(100)]])));
      if (i % 100 === 0) await wait(1);
    }
    await until('the connection ends', () => client.ended);
    expect(await honest()).toBe('app');
  });
  test.each([
    ['pings', frame(frameTypes.ping, 0, 0, Buffer.alloc(8))],
    ['settings', frame(frameTypes.settings, 0, 0, setting(4, 65_535))],
  ])('%s of a client that never reads do not fill the memory', async (_what, one) => {
    await start();
    await honest();
    const before = resident();
    const client = await open();
    client.socket.pause();
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => one));
    for (let i = 0; i < 200 && !client.ended && !client.socket.destroyed; i++) {
      client.send(many);
      await wait(2);
    }
    expect(resident() - before).toBeLessThan(60);
    expect(await honest()).toBe('app');
  });
  test('more requests at a time than are allowed are refused, and can be sent again', async () => {
    await start();
    const client = await open();
    await client.frame(frameTypes.settings);
    client.send(...Array.from({ length: 129 }, (_, index) => request(2 * index + 1, get('/never'))));
    const reset = await client.frame(frameTypes.rst, 257);
    expect(errorOf(reset)).toBe(7);
    expect(client.ended).toBe(false);
  });
  test('headers that are too large are refused', async () => {
    await start({ maxHeaderBytes: 8 * 1024 });
    const { seen } = await app.stats();
    const client = await open2(bench.httpsPort, certs.authority);
    client.on('error', () => {});
    const { status } = await ask2(client, { path: '/who', headers: { 'x-large': 'y'.repeat(12_000) } });
    expect(status).toBe(431);
    const larger = ask2(client, { path: '/who', headers: { 'x-large': 'y'.repeat(200_000) } });
    await expect(larger).rejects.toThrow();
    client.destroy();
    expect((await app.stats()).seen).toBe(seen);
    expect(await honest()).toBe('app');
  });
});

describe('clients that do not get on', () => {
  test('one that lets nothing come in any more loses its answer after a while, and the app is told', async () => {
    await start({ stallTimeoutMs: 400 });
    const { disconnects } = await app.stats();
    const client = await open(setting(4, 0));
    client.send(request(1, get('/big?bytes=200000000')));
    const reset = await client.frame(frameTypes.rst, 1);
    expect(errorOf(reset)).toBe(2);
    await until('the app was told', async () => (await app.stats()).disconnects > disconnects);
  });
  test('one that says nothing after the handshake is let go', async () => {
    await start({ headersTimeoutMs: 300 });
    const client = await open();
    await until('the connection ends', () => client.ended, 5_000);
    expect(client.frames.some(({ type }) => type === frameTypes.goaway)).toBe(true);
  });
  test('one that does not end its side when told so loses the connection all the same', async () => {
    await start({ headersTimeoutMs: 200, stallTimeoutMs: 400 });
    const client = await open();
    await client.frame(frameTypes.settings);
    client.socket.pause();
    await until('the connection is gone', async () => (await bench.worker.control.call('stats', {})).connections === 0, 5_000);
  });
  test('one that takes nothing off its connection any more loses the connection, whatever it speaks', async () => {
    await start({ stallTimeoutMs: 400, keepAliveTimeoutMs: 300 });
    const connections = async (): Promise<number> => (await bench.worker.control.call('stats', {})).connections;
    const client = await open(setting(4, 0x7fffffff));
    client.send(frame(frameTypes.window, 0, 0, Buffer.from([0x7f, 0, 0, 0])), request(1, get('/big?bytes=200000000')));
    const secure = await shake(bench.httpsPort, { servername: 'app.test', ca: certs.authority.cert });
    const plain = connect(bench.port, '127.0.0.1');
    for (const socket of [client.socket, secure, plain]) socket.on('error', () => {}).pause();
    for (const socket of [secure, plain]) socket.write('GET /big?bytes=200000000 HTTP/1.1\r\nhost: app.test\r\n\r\n');
    await until('all three are there', async () => (await connections()) === 3);
    await until('all three are gone', async () => (await connections()) === 0);
    for (const socket of [secure, plain]) socket.destroy();
    expect((await bench.counts('v1')).inFlight).toBe(0);
  });
  test('one that makes a mistake and leaves without waiting for its answer keeps no connection', async () => {
    await start({ keepAliveTimeoutMs: 300, headersTimeoutMs: 300 });
    const client = await open();
    const dependsOnItself = frame(2, 0, 3, Buffer.from([0, 0, 0, 3, 1]));
    client.send(request(1, get('/quiet')));
    await client.frame(frameTypes.headers, 1);
    client.send(dependsOnItself);
    await client.frame(frameTypes.goaway);
    client.socket.destroy();
    await until('the connection is gone', async () => (await bench.worker.control.call('stats', {})).connections === 0);
    await until('nothing is in flight', async () => (await bench.counts('v1')).inFlight === 0);
  });
  test('one that waits for an answer and says nothing keeps its connection as long as it is there', async () => {
    await start({ keepAliveTimeoutMs: 200, headersTimeoutMs: 200 });
    const client = await open2(bench.httpsPort, certs.authority);
    expect((await ask2(client, { path: '/slow?ms=1500' })).body).toBe('app slow');
    client.destroy();
  });
  test('a body that stops coming is a 408, one that is too large a 413, and the connection goes on', async () => {
    await start({ bodyIdleTimeoutMs: 200, maxBodyBytes: 10_000 });
    const client = await open2(bench.httpsPort, certs.authority);
    const slow = client.request({ ':path': '/sum', ':method': 'POST' });
    slow.on('error', () => {});
    slow.write('x');
    const status = await new Promise((resolve) => slow.on('response', (headers) => resolve(headers[':status'])));
    expect(status).toBe(408);
    expect(
      await ask2(client, {
        path: '/sum',
        method: 'POST',
        headers: { 'content-length': '20000' },
        body: Buffer.alloc(20_000),
      }).catch((cause: Error) => cause),
    ).toMatchObject({ status: 413 });
    expect((await ask2(client, { path: '/who' })).body).toBe('app');
    client.destroy();
  });
});
