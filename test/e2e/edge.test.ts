import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkoutRoot } from '../../bench/load/program.ts';
import { ask as send, type Answer } from '../proxy/clients.ts';
import { type App, oneService, type Settings } from './kit/apps.ts';
import { openSite, type Site } from './kit/site.ts';

let site: Site;
let app: App;
beforeAll(async () => {
  site = await openSite();
  app = await site.app('shop');
});
afterAll(async () => expect(await site.stop()).toBe(0));

/** The program in a folder of its own: signalbox.yaml is no part of what is built. */
const program = readFileSync(join(checkoutRoot(), 'test/fixtures/apps/healthy/server.js'), 'utf8');
const commit = (edge?: Settings, env: Settings = {}): Promise<string> =>
  app.commit({
    files: { 'app/server.js': program, 'app/package.json': '{ "type": "module" }' },
    settings: oneService('shop', { path: 'app', env }, edge === undefined ? {} : { edge }),
  });
const post = (bytes: number): Promise<Answer> =>
  send({
    port: site.installation.addresses().http,
    host: 'shop.localhost',
    path: '/echo',
    method: 'POST',
    body: Buffer.alloc(bytes, 97),
  });
const edge = {
  headers: { 'X-Frame-Options': 'off', 'Content-Security-Policy': "default-src 'self'" },
  maxBody: { '/echo': '1KiB' },
  rate: { requests: 1, per: '1h', burst: 3, paths: ['/once'] },
};

test('an app that says nothing has safe headers and room for large bodies', async () => {
  await commit();
  await site.installation.deploy(app.folder);
  const { headers } = await site.ask('shop.localhost');
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'x-frame-options': 'SAMEORIGIN',
  });
  expect((await post(5_000_000)).status).toBe(200);
});

test('a changed edge takes effect at the switch and restarts nothing', async () => {
  const before = await site.instancePids();
  await commit(edge);
  const outcome = await site.installation.deploy(app.folder);
  expect(outcome.requests.dropped).toBe(0);
  const { headers } = await site.ask('shop.localhost');
  expect(headers['content-security-policy']).toBe("default-src 'self'");
  expect(headers['x-frame-options']).toBeUndefined();
  expect((await post(1024)).status).toBe(200);
  expect((await post(1025)).status).toBe(413);
  expect(await site.instancePids()).toEqual(before);
});

test('requests that come too often are refused, shown, and no reason to roll back', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 20; i += 1) statuses.push((await site.ask('shop.localhost', '/once')).status);
  expect(statuses).toEqual([200, 200, 200, ...Array<number>(17).fill(429)]);
  await commit(edge, { VERSION: '2' });
  const flood = { on: true };
  const visits = (async () => {
    let refused = 0;
    while (flood.on) if ((await site.ask('shop.localhost', '/once')).status === 429) refused += 1;
    return refused;
  })();
  const { outcome } = await site.attempt(app).finally(() => (flood.on = false));
  expect(await visits).toBeGreaterThan(10);
  expect(outcome).toMatchObject({ phase: 'succeeded' });
  const { release, limited } = await site.environment('shop');
  expect(release).toBe('v3');
  expect(limited).toBeGreaterThan(27);
  const { stdout } = await site.installation.cli('status');
  expect(stdout).toMatch(/\d+ requests refused for coming too often \(429\)/);
});

test('going back brings the edge of the release back', async () => {
  const { exitCode } = await site.installation.cli('rollback', '--app', 'shop', '--to', 'v1');
  expect(exitCode).toBe(0);
  const { headers, status } = await site.ask('shop.localhost', '/once');
  expect([status, headers['content-security-policy'], headers['x-frame-options']]).toEqual([200, undefined, 'SAMEORIGIN']);
  expect((await post(2_000)).status).toBe(200);
});

test('a configuration that would break answers is refused with its place', async () => {
  await commit({ headers: { 'X-A': 'b\r\nset-cookie: stolen=1' } });
  const { exitCode, stdout, stderr } = await site.installation.cli('deploy', app.folder);
  expect(exitCode).not.toBe(0);
  expect(stdout + stderr).toMatch(/signalbox\.yaml:\d+:\d+ edge\.headers/);
});
