import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, raw } from './clients.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf } from './tables.ts';

let bench: Bench;
let trusting: Bench;
let app: App;

beforeAll(async () => {
  [bench, trusting, app] = await Promise.all([openBench(), openBench({ trustedProxies: ['127.0.0.0/8'] }), startApp('app')]);
  const table = tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } } }] });
  await Promise.all([bench.commit(table), trusting.commit(table)]);
});

afterAll(async () => {
  await Promise.all([bench?.close(), trusting?.close()]);
  await endApps();
});

/** Header lines as the app got them, by lower-case name. */
async function seenByApp(at: Bench, headers: Record<string, string | string[]>): Promise<Record<string, string[]>> {
  const answer = await ask({ port: at.port, path: '/headers', headers });
  const { raw: lines } = JSON.parse(answer.body) as { raw: string[] };
  const seen: Record<string, string[]> = {};
  for (let i = 0; i < lines.length; i += 2) (seen[(lines[i] as string).toLowerCase()] ??= []).push(lines[i + 1] as string);
  return seen;
}

describe('forwarding headers', () => {
  const forged = {
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-port': '99',
    'x-real-ip': '6.6.6.6',
    forwarded: 'for=1.2.3.4',
    x_forwarded_for: '1.2.3.4',
    'X-Forwarded_For': '1.2.3.4',
  };
  test('what an untrusted client says about itself is replaced', async () => {
    const seen = await seenByApp(bench, forged);
    expect(seen['x-forwarded-for']).toEqual(['127.0.0.1']);
    expect(seen['x-forwarded-proto']).toEqual(['http']);
    expect(seen['x-forwarded-host']).toEqual(['app.test']);
    expect(seen['x-real-ip']).toEqual(['127.0.0.1']);
    for (const name of ['forwarded', 'x-forwarded-port', 'x_forwarded_for', 'x-forwarded_for'])
      expect(seen[name]).toBeUndefined();
  });
  test('what a trusted peer says is kept and extended', async () => {
    const seen = await seenByApp(trusting, forged);
    expect(seen['x-forwarded-for']).toEqual(['1.2.3.4, 127.0.0.1']);
    expect(seen['x-forwarded-proto']).toEqual(['https']);
    expect(seen['x-forwarded-host']).toEqual(['evil.test']);
    // Whom the proxies' own list names; the other header may be passed on from anybody.
    expect(seen['x-real-ip']).toEqual(['1.2.3.4']);
  });
  test('the host is kept as the client wrote it', async () => {
    const answer = await ask({ port: bench.port, host: 'App.Test:81', path: '/headers' });
    expect(JSON.parse(answer.body).raw).toContain('App.Test:81');
  });
  test('a request id is kept when sane, else made; traceparent is kept', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const kept = await seenByApp(bench, { 'x-request-id': 'abc-123', traceparent });
    expect(kept['x-request-id']).toEqual(['abc-123']);
    expect(kept.traceparent).toEqual([traceparent]);
    const made = [await seenByApp(bench, {}), await seenByApp(bench, { 'x-request-id': 'bad id <script>' })];
    const ids = made.map((seen) => seen['x-request-id']?.[0]);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[\w-]{12,}$/);
  });
});

describe('hop-by-hop headers', () => {
  test('are not forwarded to the app, nor are those that Connection names', async () => {
    const seen = await seenByApp(bench, {
      connection: 'keep-alive, x-secret, cookie',
      'x-secret': '1',
      cookie: 'a=b',
      'keep-alive': 'timeout=9',
      'proxy-authorization': 'x',
      'proxy-connection': 'x',
      te: 'trailers, deflate',
      'x-open': '2',
    });
    for (const name of ['x-secret', 'cookie', 'keep-alive', 'proxy-authorization', 'proxy-connection'])
      expect(seen[name]).toBeUndefined();
    expect(seen.te).toEqual(['trailers']);
    expect(seen['x-open']).toEqual(['2']);
  });
  test('are not forwarded to the client', async () => {
    const answer = await ask({ port: bench.port, path: '/hop' });
    expect(answer.headers['x-private']).toBeUndefined();
    expect(answer.headers['proxy-authenticate']).toBeUndefined();
    expect(answer.headers['x-public']).toBe('yes');
  });
  test('Connection cannot take away the headers that we add', async () => {
    const seen = await seenByApp(bench, { connection: 'x-forwarded-for, x-real-ip, host' });
    expect(seen['x-forwarded-for']).toEqual(['127.0.0.1']);
    expect(seen['x-real-ip']).toEqual(['127.0.0.1']);
    expect(seen.host).toEqual(['app.test']);
  });
});

describe('bodies and answers', () => {
  test('HEAD has the headers of GET and no body', async () => {
    const answer = await ask({ port: bench.port, method: 'HEAD', path: '/who' });
    expect([answer.status, answer.body]).toEqual([200, '']);
    const again = await raw(
      bench.port,
      'HEAD /big?bytes=10 HTTP/1.1\r\nhost: a\r\n\r\nGET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    );
    expect(again.endsWith('\r\n\r\napp')).toBe(true);
  });
  test('204 and 304 come without a body and leave the connection usable', async () => {
    const got = await raw(
      bench.port,
      ['204', '304'].map((code) => `GET /status?code=${code} HTTP/1.1\r\nhost: a\r\n\r\n`).join('') +
        'GET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    );
    expect(got.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 204', 'HTTP/1.1 304', 'HTTP/1.1 200']);
    expect(got.endsWith('\r\n\r\napp')).toBe(true);
  });
  test('repeated Set-Cookie lines stay apart', async () => {
    const answer = await ask({ port: bench.port, path: '/cookies' });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2; Path=/']);
  });
  test('a body of known length arrives whole, small and large', async () => {
    for (const size of [1, 1000, 65_536, 65_537, 5_000_000]) {
      const body = randomBytes(size);
      const answer = await ask({
        port: bench.port,
        method: 'POST',
        path: '/sum',
        headers: { 'content-length': String(size) },
        body,
      });
      expect(JSON.parse(answer.body)).toEqual({ bytes: size, sha256: createHash('sha256').update(body).digest('hex') });
    }
  });
  test('a chunked body arrives whole', async () => {
    const got = await raw(
      bench.port,
      'POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n',
    );
    expect(got).toContain('\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n');
  });
  test('an HTTP/1.0 client gets an unchunked answer and the end of the connection', async () => {
    const got = await raw(bench.port, 'GET /big?bytes=100000 HTTP/1.0\r\n\r\n');
    expect(got).not.toContain('transfer-encoding');
    expect(got.split('\r\n\r\n')[1]?.length).toBe(100_000);
  });
  test('an absolute-form target that agrees with its host is served as a path', async () => {
    const got = await raw(bench.port, 'GET http://app.test/x?y HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\n\r\n');
    expect(got.endsWith('app /x?y')).toBe(true);
  });
  test('trailers of the response reach the client', async () => {
    const answer = await ask({ port: bench.port, path: '/trailers' });
    expect(answer.body).toBe('body');
    expect(answer.trailers['x-sum']).toBe('abc');
  });
  test('trailers of the request reach the app', async () => {
    const answer = await new Promise<string | undefined>((resolve, reject) => {
      const headers = { host: 'a', trailer: 'x-digest', 'transfer-encoding': 'chunked' };
      const req = request(
        { port: bench.port, host: '127.0.0.1', path: '/trailers', method: 'POST', headers, agent: false },
        (res) => {
          res.resume();
          res.on('end', () => resolve(res.trailers['x-got']));
        },
      );
      req.on('error', reject);
      req.write('abc');
      req.addTrailers({ 'x-digest': 'sha=1' });
      req.end();
    });
    expect(JSON.parse(answer ?? '{}')).toEqual({ 'x-digest': 'sha=1' });
  });
  test('103 Early Hints reach the client before the answer', async () => {
    const hints: string[] = [];
    const status = await new Promise((resolve, reject) => {
      const req = request(
        { port: bench.port, host: '127.0.0.1', path: '/early', headers: { host: 'a' }, agent: false },
        (res) => {
          res.resume();
          res.on('end', () => resolve(res.statusCode));
        },
      );
      req.on('information', (info) => hints.push(`${info.statusCode} ${String(info.headers.link)}`));
      req.on('error', reject);
      req.end();
    });
    expect(hints).toEqual(['103 </style.css>; rel=preload']);
    expect(status).toBe(200);
  });
  test('Expect: 100-continue is answered by the app, not by us', async () => {
    const started = performance.now();
    const got = await raw(
      bench.port,
      'POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n',
      (text) => text.includes('100 Continue'),
    );
    expect(got).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n/);
    expect(performance.now() - started).toBeGreaterThan(30);
    const refused = await raw(
      bench.port,
      'POST /refuse HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n',
    );
    expect(refused).toMatch(/^HTTP\/1.1 413 /);
    const whole = await new Promise<string>((resolve, reject) => {
      const req = request(
        {
          port: bench.port,
          host: '127.0.0.1',
          method: 'POST',
          headers: { host: 'a', expect: '100-continue', 'content-length': 5 },
          agent: false,
        },
        (res) => {
          let body = '';
          res.on('data', (chunk) => (body += chunk));
          res.on('end', () => resolve(body));
        },
      );
      req.on('continue', () => req.end('hello'));
      req.on('error', reject);
      req.flushHeaders();
    });
    expect(JSON.parse(whole).bytes).toBe(5);
  });
  test('a client that offers h2c is served over HTTP/1.1, body included', async () => {
    const offer = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n';
    const get = await raw(bench.port, `GET /who HTTP/1.1\r\nhost: a\r\n${offer}\r\n`, (text) => text.endsWith('app'));
    expect(get).toMatch(/^HTTP\/1.1 200 /);
    const post = await raw(bench.port, `POST /echo HTTP/1.1\r\nhost: a\r\n${offer}content-length: 3\r\n\r\nabc`, (text) =>
      text.includes('abc'),
    );
    expect(post).toMatch(/^HTTP\/1.1 200 /);
  });
});
