import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { raw } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let app: App;

beforeAll(async () => {
  [bench, app] = await Promise.all([openBench(), startApp('app')]);
  await bench.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] }));
});
afterAll(async () => {
  await bench?.close();
  await endApps();
});

const post = (headers: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);

/** Seen by their heads. */
const ambiguous: Record<string, string> = {
  'both lengths, chunked last': post('Content-Length: 3\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'both lengths, chunked first': post('Transfer-Encoding: chunked\r\nContent-Length: 3', '0\r\n\r\n'),
  'a length twice': post('Content-Length: 3\r\nContent-Length: 3', 'abc'),
  'two different lengths': post('Content-Length: 3\r\nContent-Length: 4', 'abcd'),
  'a list of lengths': post('Content-Length: 3, 3', 'abc'),
  'a length with a plus sign': post('Content-Length: +3', 'abc'),
  'a negative length': post('Content-Length: -3', 'abc'),
  'a hexadecimal length': post('Content-Length: 0x3', 'abc'),
  'an empty length': post('Content-Length: '),
  'a length beyond all numbers': post('Content-Length: 99999999999999999999999', 'abc'),
  'a folded header line': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n',
  'a folded transfer encoding': post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'),
  'bare line feeds': 'GET / HTTP/1.1\nHost: a\n\n',
  'one bare line feed': 'GET / HTTP/1.1\r\nHost: a\nX-B: 2\r\n\r\n',
  'a bare line feed at the end': 'GET / HTTP/1.1\r\nHost: a\r\n\n',
  'a bare carriage return': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n',
  'a NUL in a value': 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n',
  'a space before the colon of Host': 'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
  'a space before the colon of a length': post('Content-Length : 3', 'abc'),
  'a tab before the colon of an encoding': post('Transfer-Encoding\t: chunked', '0\r\n\r\n'),
  'two hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'the same host twice': 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'a transfer encoding on HTTP/1.0': 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'an unknown coding before chunked': post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
  identity: post('Transfer-Encoding: identity'),
  'almost chunked': post('Transfer-Encoding: xchunked', '0\r\n\r\n'),
  'chunked behind a vertical tab': post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'),
  'chunked, then something else': post('Transfer-Encoding: chunked, identity', '0\r\n\r\n'),
  'an absolute target for another host': 'GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n',
  'an absolute target with user info': 'GET http://a@b/x HTTP/1.1\r\nHost: b\r\n\r\n',
  'an absolute target whose user is the host': 'GET http://a@b/x HTTP/1.1\r\nHost: a\r\n\r\n',
  'a fragment in the target': 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a space in the target': 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a control character in the target': 'GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n',
  'a method in lower case': 'get / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/2.0 in words': 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
  'a header line without colon': 'GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n',
  'a header line without name': 'GET / HTTP/1.1\r\nHost: a\r\n: foo\r\n\r\n',
  'a space in a header name': 'GET / HTTP/1.1\r\nHost: a\r\nX Y: ab\r\n\r\n',
  'a first header line that begins with a space': 'GET / HTTP/1.1\r\n Host: a\r\nX: ab\r\n\r\n',
  'an upgrade with a body':
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc',
};

/** Seen when their bodies come: such a request has been placed, but nothing of it has been sent on. */
const inBodies: Record<string, string> = {
  'a chunk size with 0x': chunked('0x3\r\nabc\r\n0\r\n\r\n'),
  'a chunk size with a plus sign': chunked('+3\r\nabc\r\n0\r\n\r\n'),
  'a chunk size with a space behind it': chunked('3 \r\nabc\r\n0\r\n\r\n'),
  'chunks ended by line feeds': chunked('3\nabc\n0\n\n'),
  'a chunk longer than its size': chunked('3\r\nabcX0\r\n\r\n'),
  'a chunk size beyond all numbers': chunked('fffffffffffffffff\r\nabc\r\n0\r\n\r\n'),
  'a line feed in a chunk extension': chunked('3;a\nabc\r\n0\r\n\r\n'),
  'a length in the trailers': chunked('3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n'),
};

describe('ambiguous framing is a 400 and a closed connection, and the app never sees it', () => {
  test.each(Object.entries({ ...ambiguous, ...inBodies }))('%s', async (name, bytes) => {
    const { seen } = await app.stats();
    const { requests } = await bench.counts('v1');
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    // `raw` resolves when the other side has closed the connection.
    const got = await raw(bench.port, bytes + smuggled);
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(got.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    // Counted as soon as it is placed: what is still on its way to the app is seen here.
    expect((await bench.counts('v1')).requests - requests).toBe(name in inBodies ? 1 : 0);
    const after = await app.stats();
    expect(after.seen).toBe(seen);
    expect(after.paths).not.toContain('/smuggled');
  });
});

test('pipelined requests are answered in order', async () => {
  const got = await raw(
    bench.port,
    'GET /slow?ms=100 HTTP/1.1\r\nhost: a\r\n\r\nGET /who HTTP/1.1\r\nhost: a\r\n\r\nGET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  );
  expect(got.indexOf('app slow')).toBeGreaterThan(0);
  expect(got.indexOf('app slow')).toBeLessThan(got.lastIndexOf('app /x'));
  expect(got.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
});

test('CONNECT and TRACE are refused', async () => {
  expect(await raw(bench.port, 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
  expect(await raw(bench.port, 'TRACE / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
});
