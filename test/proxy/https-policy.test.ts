import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultEdge, type EdgeSpec, type HttpsRule } from '../../src/domain/edge.ts';
import type { RouteTable } from '../../src/domain/route-table.ts';
import type { Millis } from '../../src/domain/values.ts';
import { ask } from './clients.ts';
import { type Bench, type BenchOptions, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { ask2, type Certification, certify, open2 } from './secure.ts';
import { tableOf, token } from './tables.ts';

let bench: Bench;
let app: App;
let certs: Certification;

beforeAll(async () => {
  app = await startApp('app');
});
afterAll(endApps);
afterEach(async () => {
  await bench?.close();
  certs?.remove();
});

const day = 86_400_000;
const routes = ['app.test', 'plain.test', 'box.localhost'];

/** The table with an edge before its release. */
function withEdge(table: RouteTable, https: HttpsRule | undefined): RouteTable {
  const { https: _, ...rest } = defaultEdge;
  const edge: EdgeSpec = https === undefined ? rest : { ...rest, https };
  return {
    ...table,
    splits: table.splits.map((split) => ({
      ...split,
      arms: split.arms.map((arm) => ({ ...arm, edge: { ['web' as never]: edge } })),
    })),
  };
}
async function start(https?: HttpsRule, options: BenchOptions = {}): Promise<void> {
  certs ??= certify({ app: ['app.test', 'box.localhost'] });
  bench = await openBench({ certificates: certs.folder, ...options });
  await bench.commit(withEdge(tableOf({ version: 1, splits: [{ releases: { v1: { apps: [app] } }, routes }] }), https));
}
const overHttp = (options: { host?: string; path?: string; method?: string; headers?: Record<string, string> } = {}) =>
  ask({ port: bench.port, path: '/who', ...options });
const overHttps = async (host = 'app.test', path = '/who') => {
  const client = await open2(bench.httpsPort, certs.authority, host);
  try {
    return await ask2(client, { path });
  } finally {
    client.destroy();
  }
};

describe('who comes over HTTP', () => {
  test('is sent to HTTPS where a valid certificate covers the host, with path and query as they were', async () => {
    certs = certify({ app: ['app.test', 'box.localhost'] });
    await start();
    const before = (await bench.counts('v1')).requests;
    const answer = await overHttp({ path: '/a//b?x=%2F&y', method: 'POST' });
    expect(answer.status).toBe(308);
    expect(answer.headers.location).toBe(`https://app.test:${bench.httpsPort}/a//b?x=%2F&y`);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect((await overHttp({ host: 'plain.test' })).body).toBe('app');
    expect((await overHttp({ path: '/.well-known/acme-challenge/x' })).status).toBe(200);
    expect((await bench.counts('v1')).requests).toBe(before + 2);
  });
  test('is served when the app says so', async () => {
    certs = certify({ app: ['app.test', 'box.localhost'] });
    await start({ redirect: false, hsts: null });
    expect((await overHttp()).body).toBe('app');
    expect((await overHttps()).headers['strict-transport-security']).toBeUndefined();
  });
  test('is served where the certificate has run out: nobody is sent to a warning', async () => {
    certs = certify({});
    certs.put('app', certs.issue(['app.test'], [-30, -1]));
    await start();
    expect((await overHttp()).body).toBe('app');
  });
  test('is not sent round in a circle by a trusted proxy that speaks HTTPS itself', async () => {
    certs = certify();
    await start(undefined, { trustedProxies: ['127.0.0.1'] });
    expect((await overHttp({ headers: { 'x-forwarded-proto': 'https' } })).body).toBe('app');
    expect((await overHttp({ headers: { 'x-forwarded-proto': 'http' } })).status).toBe(308);
  });
  test('cannot pass for one who has come over HTTPS, nor for our own checks', async () => {
    certs = certify();
    await start();
    expect((await overHttp({ headers: { 'x-forwarded-proto': 'https' } })).status).toBe(308);
    expect((await overHttp({ headers: { 'x-signalbox-candidate': '*:wrong' } })).status).toBe(403);
    const own = await overHttp({ headers: { 'x-signalbox-candidate': `*:${token}` } });
    expect([own.status, own.body]).toEqual([200, 'app']);
    expect((await bench.counts('v1')).requests).toBe(1);
    expect((await overHttp({ headers: { 'x-signalbox-candidate': `shop/production/v1:${token}` } })).body).toBe('app');
  });
});

describe('who comes over HTTPS', () => {
  test('is told to stay, for the host itself and as long as the app says; an app’s own word stands', async () => {
    certs = certify({ app: ['app.test', 'box.localhost'] });
    await start({ redirect: true, hsts: (2 * day) as Millis });
    expect((await overHttps()).headers['strict-transport-security']).toBe('max-age=172800');
    expect((await overHttp({ host: 'plain.test' })).headers['strict-transport-security']).toBeUndefined();
    await bench.commit(withEdge(tableOf({ version: 2, splits: [{ releases: { v1: { apps: [app] } }, routes }] }), undefined));
    expect((await overHttps()).headers['strict-transport-security']).toBe('max-age=15552000');
    expect((await overHttps('app.test', '/hsts')).headers['strict-transport-security']).toBe('max-age=7');
  });
  test('is not told so for names of this machine: the next program there may speak HTTP', async () => {
    certs = certify({ app: ['app.test', 'box.localhost'] });
    await start();
    const { status, headers } = await overHttps('box.localhost');
    expect([status, headers['strict-transport-security']]).toEqual([200, undefined]);
  });
  test('gets a split’s cookie that stays on HTTPS', async () => {
    certs = certify();
    await start();
    const releases = { v1: { apps: [app], weight: 5_000 }, v2: { apps: [app], weight: 5_000, role: 'canary' as const } };
    await bench.commit(tableOf({ version: 3, splits: [{ releases }] }));
    expect((await overHttps()).headers['set-cookie']?.[0]).toMatch(/^signalbox-split=\d+;.*; Secure$/);
    expect((await overHttp()).headers['set-cookie']?.[0]).not.toMatch(/Secure/);
  });
});
