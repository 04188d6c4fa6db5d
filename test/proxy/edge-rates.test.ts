import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { millis, type ServiceName } from '../../src/domain/values.ts';
import { type Answer, ask, raw } from './clients.ts';
import { askFrom, edgeOf, rateOf, statuses } from './edges.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf, token } from './tables.ts';

let bench: Bench;
let app: App;
let version = 0;
let lastClient = 0;

/** An address that no test has used yet. */
const newClient = (): string => `203.0.113.${(lastClient += 1)}`;
/** One request in a minute, so that the pace of the machine makes no difference. */
const perMinute = { per: millis(60_000) };

async function serve(...rates: Parameters<typeof rateOf>[0][]): Promise<void> {
  version += 1;
  await bench.commit(
    tableOf({ version, splits: [{ releases: { v1: { apps: [app], edge: edgeOf({ rates: rates.map(rateOf) }) } } }] }),
  );
}
const visit = (client: string, path = '/who'): Promise<Answer> => askFrom(client, { port: bench.port, path });

beforeAll(async () => {
  [bench, app] = await Promise.all([openBench({ trustedProxies: ['127.0.0.1'] }), startApp('app')]);
});
beforeEach(() => serve(perMinute));
afterAll(async () => {
  await bench.close();
  await endApps();
});

describe('a client that asks too often', () => {
  test('gets exactly its burst, then 429 with the time to wait, which is true', async () => {
    await serve({ per: millis(2_000), burst: 3 });
    const client = newClient();
    expect(await statuses(3, () => visit(client))).toEqual([200, 200, 200]);
    const refused = await visit(client);
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(2);
    expect(JSON.parse(refused.body)).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    await wait(seconds * 1_000);
    expect((await visit(client)).status).toBe(200);
  });

  test('sees a page when it is a person', async () => {
    const client = newClient();
    await statuses(5, () => visit(client));
    const page = await askFrom(client, { port: bench.port, path: '/who', headers: { accept: 'text/html' } });
    expect([page.status, page.headers['content-type']]).toEqual([429, 'text/html; charset=utf-8']);
    expect(page.body).toContain('Too many requests');
    expect(page.body).toContain('again in');
  });

  test('is not heard by the app, and blamed on nobody: counted apart', async () => {
    const client = newClient();
    const before = await bench.counts('v1');
    const { seen } = await app.stats();
    expect(await statuses(8, () => visit(client))).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const after = await bench.counts('v1');
    expect((await app.stats()).seen - seen).toBe(5);
    expect([after.requests - before.requests, after.errors - before.errors, after.dropped - before.dropped]).toEqual([5, 0, 0]);
    expect((after.limited ?? 0) - (before.limited ?? 0)).toBe(3);
  });

  test('keeps its connection, and others keep theirs', async () => {
    const [client, other] = [newClient(), newClient()];
    const get = (from: string): string => `GET /who HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${from}\r\n\r\n`;
    const received = await raw(bench.port, get(client).repeat(6) + get(other), (text) => text.split('HTTP/1.1 ').length > 7);
    expect([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      ...Array<string>(5).fill('200'),
      '429',
      '200',
    ]);
  });

  test('is recognised whatever it says left of its address, and whatever its port', async () => {
    const client = newClient();
    const ways = [client, `1.1.1.1, ${client}`, `${client}:4711`, `evil, 9.9.9.9,${client}`, ` ${client} `];
    for (const way of ways) expect((await visit(way)).status).toBe(200);
    expect((await visit(`8.8.8.8, ${client}`)).status).toBe(429);
  });

  test('is its network of IPv6, not one of its addresses', async () => {
    const from = (end: string): Promise<Answer> => visit(`2001:db8:7:8::${end}`);
    for (const end of ['1', '2', '3', '4:5', 'ffff']) expect((await from(end)).status).toBe(200);
    expect((await from('6')).status).toBe(429);
    expect((await visit('2001:db8:7:9::1')).status).toBe(200);
  });
});

test('a proxy that nobody has named as one is told of in the log, once', async () => {
  const strict = await openBench();
  try {
    const edge = edgeOf({ rates: [rateOf({ ...perMinute, burst: 1 })] });
    await strict.commit(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app], edge } } }] }));
    const from = (client: string): Promise<Answer> => askFrom(client, { port: strict.port, path: '/who' });
    expect([(await from('1.2.3.4')).status, (await from('1.2.3.5')).status, (await from('1.2.3.6')).status]).toEqual([
      200, 429, 429,
    ]);
    expect(strict.log().match(/requests from 127\.0\.0\.1 .* SIGNALBOX_TRUSTED_PROXIES/g)).toHaveLength(1);
  } finally {
    await strict.close();
  }
});

describe('what counts', () => {
  test('is every spelling of a limited path', async () => {
    await serve({ ...perMinute, paths: ['/api/login'] });
    const client = newClient();
    const spellings = ['/api/login', '/API/Login?a=b', '/api/%6cogin/', '//api/./login', '/api/x/../login;v=1'];
    for (const path of spellings) expect((await visit(client, path)).status, path).toBe(200);
    for (const path of [...spellings, '/api/login/sub', '/api\\login'])
      expect((await visit(client, path)).status, path).toBe(429);
    for (const path of ['/api/logins', '/api', '/', '/api/other']) expect((await visit(client, path)).status, path).toBe(200);
  });

  test('is what all rules agree to; a refusal takes nothing out of the others', async () => {
    await serve({ ...perMinute, burst: 10 }, { ...perMinute, burst: 2, paths: ['/login'] });
    const client = newClient();
    expect(await statuses(6, () => visit(client, '/login'))).toEqual([200, 200, 429, 429, 429, 429]);
    expect(await statuses(9, () => visit(client))).toEqual([...Array<number>(8).fill(200), 429]);
  });

  test('is everybody together where a rule says so', async () => {
    await serve({ ...perMinute, by: 'all' });
    expect(await statuses(6, () => visit(newClient()))).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test('is no address of this machine or a private network, unless a rule says so', async () => {
    await serve({ ...perMinute, burst: 1, local: false });
    for (const client of [
      '127.0.0.1',
      '10.1.2.3',
      '172.20.0.1',
      '192.168.1.9',
      '100.64.3.2',
      '::1',
      'fd00::1',
      '::ffff:10.0.0.1',
    ])
      expect(await statuses(3, () => visit(client)), client).toEqual([200, 200, 200]);
    expect(await statuses(2, () => ask({ port: bench.port, path: '/who' }))).toEqual([200, 200]);
    const foreign = newClient();
    expect(await statuses(2, () => visit(foreign))).toEqual([200, 429]);
    await serve({ ...perMinute, burst: 1 });
    expect(await statuses(2, () => ask({ port: bench.port, path: '/who' }))).toEqual([200, 429]);
  });

  test('is neither a candidate request nor one on a release-local address', async () => {
    await serve({ ...perMinute, burst: 1 });
    const client = newClient();
    const candidate = (): Promise<Answer> =>
      askFrom(client, { port: bench.port, path: '/who', headers: { 'x-signalbox-candidate': `shop/production/v1:${token}` } });
    expect(await statuses(4, candidate)).toEqual([200, 200, 200, 200]);
    expect(await statuses(2, () => visit(client))).toEqual([200, 429]);
  });

  test('is an event stream or a websocket once, however long it goes on', async () => {
    await serve({ ...perMinute, burst: 2 });
    const client = newClient();
    const upgrade = `GET /ticks HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${client}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
    const socket = await raw(bench.port, upgrade, (text) => text.includes('tick 20'));
    expect(socket).toMatch(/^HTTP\/1.1 101 /);
    const stream = `GET /sse?every=5 HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${client}\r\n\r\n`;
    expect(await raw(bench.port, stream, (text) => text.includes('id: 20'))).toMatch(/^HTTP\/1.1 200 /);
    const refused = await raw(bench.port, upgrade);
    expect(refused).toMatch(/^HTTP\/1.1 429 /);
    expect(refused).toMatch(/\r\nretry-after: \d+\r\n/);
  });
});

describe('counting', () => {
  test('goes on over tables that say the same, and starts anew with a rule that says something else', async () => {
    const client = newClient();
    expect(await statuses(4, () => visit(client))).toEqual([200, 200, 200, 200]);
    await serve(perMinute);
    expect(await statuses(2, () => visit(client))).toEqual([200, 429]);
    await serve({ ...perMinute, burst: 6 });
    expect((await visit(client)).status).toBe(200);
    // Back again, as by a rollback.
    await serve(perMinute);
    expect((await visit(client)).status).toBe(429);
  });

  test('is shared by the releases of an app and by nobody else', async () => {
    version += 1;
    const edge = edgeOf({ rates: [rateOf(perMinute)] });
    const split = (name: string, host: string) => ({
      app: name,
      routes: [host],
      releases: {
        v1: { apps: [app], edge, weight: 5_000 },
        v2: { apps: [app], edge, weight: 5_000, role: 'canary' as const },
      },
    });
    await bench.commit(tableOf({ version, splits: [split('one', 'one.test'), split('two', 'two.test')] }));
    const client = newClient();
    const at = (host: string): Promise<Answer> => askFrom(client, { port: bench.port, host, path: '/who' });
    expect(await statuses(6, () => at('one.test'))).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await statuses(6, () => at('two.test'))).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test('of a service is its own', async () => {
    await serve({ ...perMinute, service: 'web' as ServiceName });
    const client = newClient();
    expect(await statuses(6, () => visit(client))).toEqual([200, 200, 200, 200, 200, 429]);
    await serve(perMinute);
    expect((await visit(client)).status).toBe(200);
  });
});
