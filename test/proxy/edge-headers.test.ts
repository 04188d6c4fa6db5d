import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, type Answer, raw } from './clients.ts';
import { edgeOf } from './edges.ts';
import { type Bench, openBench } from './harness.ts';
import { type App, endApps, startApp } from './processes.ts';
import { tableOf, token } from './tables.ts';

let bench: Bench;
let app: App;
const files = mkdtempSync(join(tmpdir(), 'sb-edge-files-'));

beforeAll(async () => {
  [bench, app] = await Promise.all([openBench(), startApp('app')]);
  writeFileSync(join(files, 'index.html'), '<h1>files</h1>');
  writeFileSync(join(files, 'app.css'), 'h1 {}');
  const own = edgeOf({ headers: [{ name: 'Content-Security-Policy', value: "default-src 'self'" }] });
  await bench.commit(
    tableOf({
      version: 1,
      splits: [
        {
          app: 'shop',
          releases: { v1: { apps: [app], edge: edgeOf({}) }, v2: { apps: [app], edge: own, weight: 0, role: 'canary' } },
        },
        { app: 'site', releases: { v1: { files: { root: files }, edge: edgeOf({}) } }, routes: ['site.test'] },
        { app: 'bare', releases: { v1: { apps: [app] } }, routes: ['bare.test'] },
      ],
    }),
  );
});
afterAll(async () => {
  await bench.close();
  await endApps();
  rmSync(files, { recursive: true, force: true });
});

const presets = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'x-frame-options': 'SAMEORIGIN',
};
const linesOf = ({ rawHeaders }: Answer, name: string): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
const withHeaders = (headers: readonly string[], more: Record<string, string> = {}): Promise<Answer> =>
  ask({ port: bench.port, path: `/with?headers=${encodeURIComponent(JSON.stringify(headers))}`, headers: more });

describe('headers for safety', () => {
  test('are on every answer of an app and on every file', async () => {
    for (const [host, path] of [
      ['app.test', '/who'],
      ['app.test', '/status?code=404'],
      ['app.test', '/status?code=204'],
      ['app.test', '/fail'],
      ['app.test', '/big?bytes=100000'],
      ['site.test', '/'],
      ['site.test', '/app.css'],
      ['site.test', '/nothing'],
    ] as const) {
      const { headers } = await ask({ port: bench.port, host, path });
      expect(headers, `${host}${path}`).toMatchObject(presets);
    }
  });

  test("never stand beside or in the place of the app's own, however it spells or leaves empty the name", async () => {
    const own = await withHeaders(['x-FRAME-options', 'DENY', 'Referrer-Policy', '', 'X-Content-Type-Options', 'nosniff']);
    expect(linesOf(own, 'x-frame-options')).toEqual(['DENY']);
    expect(linesOf(own, 'referrer-policy')).toEqual(['']);
    expect(linesOf(own, 'x-content-type-options')).toEqual(['nosniff']);
    const twice = await withHeaders([
      'X-Frame-Options',
      'DENY',
      'x-frame-options',
      'SAMEORIGIN',
      'X-Frame',
      'a',
      'X-Powered-By',
      'b',
    ]);
    expect(linesOf(twice, 'x-frame-options')).toEqual(['DENY', 'SAMEORIGIN']);
    expect(linesOf(twice, 'x-powered-by')).toEqual(['b']);
  });

  test('come back when the app hides its own from clients', async () => {
    const hidden = await withHeaders(['Connection', 'keep-alive, x-frame-options', 'X-Frame-Options', 'ALLOWALL']);
    expect(linesOf(hidden, 'x-frame-options')).toEqual(['SAMEORIGIN']);
  });

  test('belong to the release that a request is routed to', async () => {
    const candidate = await ask({
      port: bench.port,
      path: '/who',
      headers: { 'x-signalbox-candidate': `shop/production/v2:${token}` },
    });
    expect(candidate.headers['content-security-policy']).toBe("default-src 'self'");
    expect(candidate.headers['x-frame-options']).toBeUndefined();
  });

  test('are not on interim answers nor on switched protocols, but on an upgrade that is refused', async () => {
    const early = await raw(bench.port, 'GET /early HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    const [interim = '', final = ''] = early.split('\r\n\r\n');
    expect(interim).toMatch(/^HTTP\/1.1 103 /);
    expect(interim.toLowerCase()).not.toContain('x-frame-options');
    expect(final).toContain('X-Frame-Options: SAMEORIGIN');
    const upgrade = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`;
    const switched = await raw(bench.port, upgrade('/ws'), (text) => text.includes('\r\n\r\n'));
    expect(switched).toMatch(/^HTTP\/1.1 101 /);
    expect(switched.toLowerCase()).not.toContain('x-frame-options');
    const refused = await raw(bench.port, upgrade('/no'));
    expect(refused).toMatch(/^HTTP\/1.1 403 /);
    expect(refused).toContain('X-Frame-Options: SAMEORIGIN');
  });

  test('are left to the app where the table names none', async () => {
    const { headers } = await ask({ port: bench.port, host: 'bare.test', path: '/who' });
    for (const name of Object.keys(presets)) expect(headers[name]).toBeUndefined();
  });
});

describe('a table with an edge that would break answers', () => {
  const broken = (name: string, value: string) =>
    tableOf({ version: 2, splits: [{ releases: { v1: { apps: [app], edge: edgeOf({ headers: [{ name, value }] }) } } }] });

  test('is refused as a whole, whatever is wrong with it', async () => {
    for (const [name, value] of [
      ['X-A', 'a\r\nset-cookie: stolen=1'],
      ['X-A', 'a\nb'],
      ['X-A', 'grün'],
      ['X-A: b\r\nX-B', 'a'],
      ['', 'a'],
      ['Content-Length', '0'],
      ['transfer-ENCODING', 'chunked'],
    ] as const)
      await expect(bench.commit(broken(name, value)), name).rejects.toMatchObject({ code: 'BAD_TABLE' });
    const { headers } = await ask({ port: bench.port, path: '/who' });
    expect(headers).toMatchObject(presets);
  });

  test('is served without that edge by a worker that finds it on disk, which says so', async () => {
    const stored = await openBench({ stored: broken('X-A', 'a\r\nset-cookie: stolen=1') });
    try {
      const { status, headers, body } = await ask({ port: stored.port, path: '/who' });
      expect([status, body, headers['set-cookie'], headers['x-a']]).toEqual([200, 'app', undefined, undefined]);
      const { skippedRoutes } = await stored.worker.control.call('hello', {});
      expect(skippedRoutes).toEqual(['The edge of shop/production/web has an unusable value for X-A.']);
    } finally {
      await stored.close();
    }
  });
});
