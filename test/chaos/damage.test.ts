import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { install } from '../../bench/installation.ts';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { RouteTable } from '../../src/domain/route-table.ts';
import { type App, oneService } from '../e2e/kit/apps.ts';
import { losses, noLosses, openSite, type Site } from '../e2e/kit/site.ts';

let site: Site;
let one: App;
beforeAll(async () => {
  site = await openSite();
  one = await deployed(site, 'one');
  await deployed(site, 'two');
});
afterAll(async () => expect(await site.stop()).toBe(0));

async function deployed(at: Site, name: string): Promise<App> {
  const app = await at.app(name);
  await app.commit({ fixture: 'healthy', settings: oneService(name) });
  await at.installation.deploy(app.folder);
  return app;
}
const end = async (part: 'controlPlane' | 'workers'): Promise<void> => {
  for (const seen of (await site.installation.parts())[part]) await kill(seen, 'SIGKILL');
};
const status = async (host: string): Promise<number | undefined> => (await site.ask(host).catch(() => undefined))?.status;

test('one bad route in the table on disk costs that route alone, and up mends it', { timeout: 60_000 }, async () => {
  const file = join(site.installation.home, 'proxy/routes.json');
  await end('controlPlane');
  const table = JSON.parse(await readFile(file, 'utf8')) as RouteTable;
  const splits = table.splits.map((split) => (split.app === 'one' ? { ...split, routes: [{ nonsense: true }] } : split));
  await writeFile(file, JSON.stringify({ ...table, splits }));
  await end('workers');
  await waitFor('the other app', 10_000, async () => ((await status('two.localhost')) === 200 ? true : undefined));
  expect(await status('one.localhost')).not.toBe(200);
  await site.installation.up();
  await waitFor('both apps', 10_000, async () =>
    (await status('one.localhost')) === 200 && (await status('two.localhost')) === 200 ? true : undefined,
  );
});

test('a route table of garbage is said, and replaced by up', { timeout: 60_000 }, async () => {
  await end('controlPlane');
  await writeFile(join(site.installation.home, 'proxy/routes.json'), '{"version": 7, "spl\0\0\0');
  await end('workers');
  await site.installation.up();
  await waitFor('both apps', 10_000, async () =>
    (await status('one.localhost')) === 200 && (await status('two.localhost')) === 200 ? true : undefined,
  );
});

test('a taken port is named, with the way out', { timeout: 60_000 }, async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  try {
    for (const name of ['SIGNALBOX_HTTP_PORT', 'SIGNALBOX_API_PORT']) {
      const home = await mkdtemp(join(tmpdir(), 'signalbox-taken-'));
      await chmod(home, 0o755);
      const said = await install({ [name]: String(port), SIGNALBOX_HOME: home }).then(
        async (other) => {
          await other.stop();
          return 'it came up';
        },
        (error: unknown) => String(error),
      );
      expect(said).toContain('PORT_IN_USE');
      expect(said).toContain(String(port));
      expect(said).toContain(name);
      await rm(home, { recursive: true, force: true });
    }
  } finally {
    taken.close();
  }
});

test('a database that another process has locked stops neither traffic nor the API', { timeout: 60_000 }, async () => {
  const visits = await site.visit('one.localhost');
  const database = new Database(join(site.installation.home, 'signalbox.db'));
  database.exec('BEGIN IMMEDIATE');
  let locked = true;
  const timer = setTimeout(() => {
    database.exec('ROLLBACK');
    database.close();
    locked = false;
  }, 3000);
  onTestFinished(() => clearTimeout(timer));
  await one.commit({ fixture: 'healthy', settings: oneService('one', { env: { VERSION: 'next' } }) });
  const deploy = site.attempt(one);
  const waits: number[] = [];
  while (locked) {
    const from = performance.now();
    expect((await site.installation.status()).environments).toHaveLength(2);
    waits.push(performance.now() - from);
  }
  // What is asked behind a write that waits for the lock waits with it.
  expect(Math.max(...waits)).toBeLessThan(6000);
  expect(await deploy).toMatchObject({ exitCode: 0 });
  expect(await site.json('one.localhost')).toMatchObject({ version: 'next' });
  expect(losses(await visits.stop())).toEqual(noLosses);
});

test('a full disk stops deploys, not traffic; with space again deploys work', { timeout: 120_000 }, async (context) => {
  const place = await mkdtemp(join(tmpdir(), 'signalbox-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=112m,mode=755', 'tmpfs', place], { stdio: 'pipe' });
  } catch {
    await rm(place, { recursive: true });
    return context.skip('needs the right to mount a small file system (root)');
  }
  try {
    const elsewhere = tmpdir();
    vi.stubEnv('TMPDIR', place);
    const full = await openSite({ TMPDIR: elsewhere });
    vi.unstubAllEnvs();
    try {
      const app = await deployed(full, 'cramped');
      await mkdir(join(place, 'ballast'));
      const visits = await full.visit('cramped.localhost');
      await app.commit({ fixture: 'healthy', settings: oneService('cramped', { env: { VERSION: '2' } }) });
      fill(join(place, 'ballast/file'));
      const refused = await full.installation.cli('deploy', app.folder, '--json');
      expect(refused.exitCode).toBe(1);
      expect(refused.stdout).toMatch(/NO_SPACE|STORE_FULL/);
      expect((await full.installation.status()).environments).toMatchObject([{ release: 'v1', drift: [] }]);
      await rm(join(place, 'ballast'), { recursive: true });
      await full.installation.deploy(app.folder);
      expect(await full.json('cramped.localhost')).toMatchObject({ version: '2' });
      expect(losses(await visits.stop())).toEqual(noLosses);
    } finally {
      expect(await full.stop()).toBe(0);
    }
  } finally {
    execFileSync('umount', ['-l', place]);
    await rm(place, { recursive: true });
  }
});

/** Until not a byte more fits. */
function fill(file: string): void {
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k'], { stdio: 'ignore' });
  } catch {
    // It ends with "no space left": that is the point.
  }
}
