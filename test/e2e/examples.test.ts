import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkoutRoot } from '../../bench/load/program.ts';
import { findPostgres } from '../../src/adapters/runtime/process/system/programs.ts';
import type { App } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

/** A copy of the example as a repository of its own, with a bake of a second. */
async function example(name: string): Promise<App> {
  const app = await site.app(name);
  await app.commit({ copy: `examples/${name}`, files: await shortBake(name) });
  return app;
}

async function shortBake(name: string, add: (yaml: string) => string = (yaml) => yaml): Promise<Record<string, string>> {
  const yaml = await readFile(join(checkoutRoot(), 'examples', name, 'signalbox.yaml'), 'utf8');
  expect(yaml).toMatch(/bake: \d+s/);
  return { 'signalbox.yaml': add(yaml.replace(/bake: \d+s/, 'bake: 1s')) };
}

test('hello is deployed, and deployed again under load', { timeout: 60_000 }, async () => {
  const app = await example('hello');
  expect(await site.installation.deploy(app.folder)).toMatchObject({ phase: 'succeeded', release: 'v1' });
  const visits = await site.visit('hello.localhost');
  await app.change({ 'note.txt': 'another version' });
  const outcome = await site.installation.deploy(app.folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(outcome.requests.dropped).toBe(0);
});

test('gallery: its pages switch without touching its counter, whose likes stay', { timeout: 90_000 }, async () => {
  const app = await example('gallery');
  await site.installation.deploy(app.folder);
  const api = await site.instancePids();
  const page = await readFile(join(app.folder, 'site/index.html'), 'utf8');
  await app.change({ 'site/index.html': page.replace('</main>', '<p>Second edition</p></main>') });
  const visits = await site.visit('gallery.localhost');
  const outcome = await site.installation.deploy(app.folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(outcome.requests.dropped).toBe(0);
  expect((await site.ask('gallery.localhost')).body).toContain('Second edition');
  expect(await site.instancePids()).toEqual(api);
});

test('portfolio: builds, passes its seven checks, runs on its PostgreSQL, and a change of its pages leaves API and database alone', {
  timeout: 600_000,
}, async (context) => {
  if (findPostgres(process.env['PATH'] ?? '').length === 0) {
    return context.skip('needs PostgreSQL: apt-get install postgresql');
  }
  const host = 'portfolio.localhost';
  const app = await example('portfolio');
  const first = await site.installation.deploy(app.folder);
  expect(first).toMatchObject({ phase: 'succeeded' });
  const smoke = ['/', '/about', '/projects', '/contact', '/health', '/api/health', '/api/projects'];
  for (const path of smoke) expect((await site.ask(host, path)).status, path).toBe(200);
  expect(await site.json(host, '/api/health')).toMatchObject({ database: { kind: 'postgres', state: 'up' } });
  const api = await instancesOf('api');
  expect(api).toHaveLength(1);
  const [database] = await instancesOf('db');

  const about = await readFile(join(app.folder, 'frontend/app/about/page.tsx'), 'utf8');
  expect(about).toContain('</h1>');
  await app.change({ 'frontend/app/about/page.tsx': about.replace('</h1>', ', second edition</h1>') });
  const visits = await site.visit(host, '/about');
  const second = await site.installation.deploy(app.folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(second).toMatchObject({ phase: 'succeeded', requests: { dropped: 0 } });
  expect((await site.ask(host, '/about')).body).toContain('second edition');
  expect(await instancesOf('api')).toEqual(api);
  expect((await instancesOf('db'))[0]).toBe(database);
  for (const path of smoke) expect((await site.ask(host, path)).status, path).toBe(200);
});

/** Process ids of a service or an accessory of the portfolio, oldest first. */
async function instancesOf(service: string): Promise<number[]> {
  const { instances } = await site.installation.parts();
  return instances
    .filter((seen) => seen.environment.get('SIGNALBOX_INSTANCE')?.includes(`:portfolio-production-${service}-`))
    .toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
    .map((seen) => seen.pid);
}
