import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../bench/kit/processes.ts';
import { findPostgres, findRedis } from '../../src/adapters/runtime/process/system/programs.ts';
import { oneService } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

/** What the tests need of this system, or the reason why they cannot run. */
const missing = ((): string | null => {
  const path = process.env['PATH'] ?? '';
  if (findPostgres(path).length === 0) return 'needs PostgreSQL: apt-get install postgresql';
  if (findRedis(path).length === 0) return 'needs Redis: apt-get install redis-server';
  return existsSync('/usr/bin/psql') ? null : 'needs psql: apt-get install postgresql-client';
})();

let site: Site;
beforeAll(async () => {
  if (missing === null) site = await openSite();
});
afterAll(async () => {
  if (missing === null) expect(await site.stop()).toBe(0);
});
const it = (title: string, run: () => Promise<void>, timeout = 120_000): void =>
  test(title, { timeout }, async (context) => {
    if (missing !== null) return context.skip(missing);
    await run();
  });

const host = '127.0.0.1';

/** Counts visits in the database; `/health` needs none. The password goes to psql by a variable, never by an argument. */
const server = `
const { createServer } = require('node:http');
const { execFile } = require('node:child_process');
const psql = (sql) => new Promise((resolve) => {
  const { username, password, hostname, port, pathname } = new URL(process.env.DATABASE_URL);
  const env = { PATH: process.env.PATH, PGPASSWORD: password, PGCONNECT_TIMEOUT: '3' };
  execFile('/usr/bin/psql', ['-h', hostname, '-p', port, '-U', username, '-d', pathname.slice(1), '-Atc', sql], { env }, (error, out, said) =>
    resolve(error ? { error: said } : { value: out.trim() }));
});
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname === '/health') return response.end('ok');
  const answer = url.pathname === '/env' ? Object.keys(process.env)
    : url.pathname === '/add' ? await psql("INSERT INTO visits VALUES ('" + process.env.VERSION + "')")
    : url.pathname === '/db' ? await psql('SELECT count(*) FROM visits')
    : url.pathname === '/address' ? { url: process.env.DATABASE_URL, cache: process.env.REDIS_URL, pid: process.pid }
    : process.env.VERSION;
  const body = JSON.stringify(answer);
  response.writeHead(answer && answer.error ? 500 : 200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;
const migrate = `
set -e
url=\${DATABASE_URL#postgres://}
export PGPASSWORD=\${url#*:}; PGPASSWORD=\${PGPASSWORD%%@*}
at=\${url#*@}; where=\${at%%/*}
/usr/bin/psql -h "\${where%%:*}" -p "\${where##*:}" -U "\${url%%:*}" -d "\${at##*/}" -v ON_ERROR_STOP=1 -c 'CREATE TABLE IF NOT EXISTS visits (version text)'
`;
const withDatabase = (app: string, version: string, rest: Record<string, unknown> = {}) => ({
  files: { 'server.js': server, 'migrate.sh': migrate },
  settings: oneService(
    app,
    { env: { VERSION: version }, release: 'sh migrate.sh' },
    { accessories: { db: 'postgres', cache: 'redis' }, ...rest },
  ),
});

interface Address {
  readonly url: string;
  readonly cache: string;
  readonly pid: number;
}

/** The postmaster that listens there. */
async function postmaster(app: string, environment = 'production'): Promise<number> {
  const folder = join(dataOf(app, environment), 'postmaster.pid');
  return Number(readFileSync(folder, 'utf8').split('\n')[0]);
}
const dataOf = (app: string, environment: string): string =>
  join(site.installation.home, 'persist', app, environment, '.accessories/db/data');

/** Arguments of every process of this machine, as `ps` shows them. */
const allArguments = (): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .join('\n');

it('an app gets its database before its migrations, and keeps it over a deploy under load', async () => {
  const app = await site.app('shop');
  await app.commit(withDatabase('shop', '1'));
  const began = performance.now();
  await site.installation.deploy(app.folder, '--until', 'live');
  expect(performance.now() - began).toBeLessThan(30_000);
  expect(await site.json('shop.localhost', '/add')).toEqual({ value: 'INSERT 0 1' });
  const before = await postmaster('shop');
  const visits = await site.visit('shop.localhost');
  await app.commit(withDatabase('shop', '2'));
  const { outcome } = await site.attempt(app);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(outcome.phase).toBe('succeeded');
  expect(await site.json('shop.localhost')).toBe('2');
  expect(await site.json('shop.localhost', '/db')).toEqual({ value: '1' });
  expect(await postmaster('shop')).toBe(before);
  const { accessories, drift } = await site.environment('shop');
  expect(accessories).toMatchObject([
    { name: 'db', what: 'postgres', state: 'running', healthy: true, restarts: 0 },
    { name: 'cache', what: 'redis', state: 'running', healthy: true, restarts: 0 },
  ]);
  expect(drift).toEqual([]);
});

it('passwords are in no argument, log, record of decisions or answer, and their files are closed', async () => {
  const { url, cache } = await site.json<Address>('shop.localhost', '/address');
  const secrets = [new URL(url).password, new URL(cache).password];
  for (const secret of secrets) expect(secret.length).toBeGreaterThan(20);
  const seen = allArguments();
  const { home } = site.installation;
  const kept = execFileSync('find', [home, '-type', 'f', '-not', '-path', '*/keeper/*', '-not', '-path', '*/workloads/*'], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .filter((file) => !file.includes('/keys/accessories/') && statSync(file).size < 20_000_000);
  const answers = [
    JSON.stringify(await site.installation.status()),
    (await site.installation.cli('events', '--json')).stdout,
    (await site.installation.cli('rollouts', '--app', 'shop', '--json')).stdout,
  ];
  for (const secret of secrets) {
    expect(seen).not.toContain(secret);
    for (const answer of answers) expect(answer).not.toContain(secret);
    const where = kept.filter((file) => existsSync(file) && readFileSync(file).includes(secret));
    expect(where).toEqual([]);
  }
  const files = ['db', 'cache'].map((name) => join(home, 'keys/accessories/shop/production', name));
  expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
});

it('a database that is killed comes back on its port with its data, and the app goes on', async () => {
  const { url, pid } = await site.json<Address>('shop.localhost', '/address');
  const before = await postmaster('shop');
  process.kill(before, 'SIGKILL');
  await waitFor('the database', 30_000, async () =>
    (await site.ask('shop.localhost', '/db')).body === '{"value":"1"}' ? true : undefined,
  );
  expect(await postmaster('shop')).not.toBe(before);
  expect(await site.json('shop.localhost', '/address')).toMatchObject({ url, pid });
});

it('a control plane that comes back takes over what runs', async () => {
  const before = await postmaster('shop');
  const { controlPlane } = await site.installation.parts();
  for (const { pid } of controlPlane) process.kill(pid, 'SIGKILL');
  await site.installation.up();
  await waitFor('health', 20_000, async () =>
    (await site.environment('shop')).accessories.every((one) => one.healthy) ? true : undefined,
  );
  expect(await postmaster('shop')).toBe(before);
  expect(await site.json('shop.localhost', '/db')).toEqual({ value: '1' });
});

it('two environments have data and passwords of their own', async () => {
  const app = await site.app('twice');
  const environments = { staging: { hosts: { web: 'staging.twice.localhost' } } };
  await app.commit(withDatabase('twice', '1', { environments }));
  await site.installation.deploy(app.folder, '--until', 'live');
  await site.installation.deploy(app.folder, '--env', 'staging', '--until', 'live');
  expect(await site.json('twice.localhost', '/add')).toEqual({ value: 'INSERT 0 1' });
  expect(await site.json('staging.twice.localhost', '/db')).toEqual({ value: '0' });
  const [one, other] = [
    await site.json<Address>('twice.localhost', '/address'),
    await site.json<Address>('staging.twice.localhost', '/address'),
  ];
  expect(new URL(one.url).password).not.toBe(new URL(other.url).password);
  expect(new URL(one.url).port).not.toBe(new URL(other.url).port);
});

it('a database is asked to end, not killed, and keeps its port and data over a restart', async () => {
  const { url } = await site.json<Address>('shop.localhost', '/address');
  const done = await site.installation.cli('accessories', 'restart', 'db', '--app', 'shop', '--json');
  expect(done.exitCode, done.stdout + done.stderr).toBe(0);
  await waitFor('the database', 30_000, async () =>
    (await site.ask('shop.localhost', '/db')).body === '{"value":"1"}' ? true : undefined,
  );
  expect((await site.json<Address>('shop.localhost', '/address')).url).toBe(url);
  const { stdout } = await site.installation.cli('logs', 'db', '--app', 'shop', '--tail', '60');
  expect(stdout).toContain('received fast shutdown request');
  expect(stdout).toContain('database system is shut down');
});

it('a changed declaration is told and not applied; one that is removed runs until a person removes it', async () => {
  const app = await site.app('changes');
  await app.commit(withDatabase('changes', '1'));
  await site.installation.deploy(app.folder, '--until', 'live');
  await site.json('changes.localhost', '/add');
  await app.commit(withDatabase('changes', '2', { accessories: { db: { type: 'postgres', env: { POSTGRES_DB: 'other' } } } }));
  const plan = await site.installation.cli('plan', app.folder, '--json');
  expect(plan.stdout).toContain('signalbox accessories apply db');
  expect(plan.stdout).toContain('cache is no longer declared');
  await site.installation.deploy(app.folder, '--until', 'live');
  expect(await site.json('changes.localhost', '/db')).toEqual({ value: '1' });
  const refused = await site.installation.cli('accessories', 'remove', 'db', '--yes', '--app', 'changes', '--json');
  expect(refused.stdout).toContain('ACCESSORY_IN_USE');
});

it('a database that cannot be had is refused before anything is done', async () => {
  const app = await site.app('none');
  await app.commit(withDatabase('none', '1', { accessories: { db: { type: 'postgres', version: '9' } } }));
  const refused = await site.installation.cli('deploy', app.folder, '--json');
  expect(refused.exitCode).toBe(1);
  expect(refused.stdout).toContain('ACCESSORY_UNAVAILABLE');
  await app.commit(withDatabase('none', '1', { accessories: { admin: 'pgadmin', db: 'postgres' } }));
  expect((await site.installation.cli('plan', app.folder, '--json')).stdout).toContain('dpage/pgadmin4');
});

it('one that does not come up fails the rollout with its last words, and starts nothing else', async () => {
  const app = await site.app('broken');
  await app.commit(
    withDatabase('broken', '1', {
      accessories: { db: 'postgres', cache: 'redis', odd: { type: 'custom', run: 'echo "no licence found"; exit 3' } },
    }),
  );
  const { exitCode, outcome } = await site.attempt(app);
  expect(exitCode).toBe(1);
  expect(outcome.reason).toMatchObject({ code: 'ACCESSORY_UNHEALTHY', service: 'odd' });
  expect(outcome.reason?.log?.join('\n')).toContain('no licence found');
  expect((await site.environment('broken')).services).toEqual([]);
});

it('a control plane killed while the first database is being made leaves nothing half made', async () => {
  const app = await site.app('early');
  await app.commit(withDatabase('early', '1'));
  const deploy = await site.installation.cli('deploy', app.folder, '--detach', '--json');
  expect(deploy.exitCode).toBe(0);
  const parent = join(dataOf('early', 'production'), '..');
  await waitFor('the beginning', 20_000, async () =>
    existsSync(parent) && readdirSync(parent).some((name) => name.includes('.init-')) ? true : undefined,
  );
  const { controlPlane } = await site.installation.parts();
  for (const { pid } of controlPlane) process.kill(pid, 'SIGKILL');
  await site.installation.up();
  await waitFor('the app', 60_000, async () =>
    (await site.ask('early.localhost', '/db')).body === '{"value":"0"}' ? true : undefined,
  );
  expect(readdirSync(parent)).toEqual(['data']);
});

it('no two programs of an app listen beyond this machine', async () => {
  const pid = await postmaster('shop');
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  const inodes = new Set(sockets.flatMap((link) => /socket:\[(\d+)\]/.exec(link)?.[1] ?? []));
  const listening = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
      .map((fields) => fields[1]?.split(':')[0]),
  );
  expect(listening).toEqual(['0100007F']);
  expect(host).toBe('127.0.0.1');
});
