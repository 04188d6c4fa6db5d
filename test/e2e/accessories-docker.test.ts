import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../bench/kit/processes.ts';
import { testEngine } from '../docker/engine.ts';
import { type App, oneService, type Settings } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

const run = promisify(execFile);
const engine = testEngine();
let site: Site;
let app: App;

beforeAll(async () => {
  if (!('missing' in engine)) site = await openSite({ SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: engine.host });
});
afterAll(async () => {
  if (!('missing' in engine)) expect(await site.stop()).toBe(0);
});
const it = (title: string, tell: () => Promise<void>): void => {
  test(title, async (context) => {
    if ('missing' in engine) return context.skip(engine.missing);
    await tell();
  });
};

/** Writes into its database, its cache and its mail by their own protocols. Passwords go by variables, never by arguments. */
const server = String.raw`
const { createServer } = require('node:http');
const { connect } = require('node:net');
const { execFile } = require('node:child_process');
const life = Math.random();
const { DATABASE_URL, REDIS_URL, SMTP_HOST, SMTP_PORT, VERSION } = process.env;
const psql = (sql) => new Promise((resolve) => {
  const { username, password, hostname, port, pathname } = new URL(DATABASE_URL);
  const env = { PATH: process.env.PATH, PGPASSWORD: password, PGCONNECT_TIMEOUT: '3' };
  execFile('psql', ['-h', hostname, '-p', port, '-U', username, '-d', pathname.slice(1), '-Atc', sql], { env }, (error, out, said) =>
    resolve(error ? { error: said || String(error) } : { value: out.trim() }));
});
const lines = (host, port, all) => new Promise((resolve) => {
  let said = '';
  const socket = connect({ host, port, timeout: 3000 }, () => socket.write(all.join('\r\n') + '\r\n'));
  socket.on('data', (text) => { said += text; });
  socket.on('error', (error) => resolve({ error: String(error) }));
  socket.on('timeout', () => socket.destroy(new Error('timeout')));
  socket.on('close', () => resolve({ value: said }));
});
const redis = (...commands) => {
  const { password, hostname, port } = new URL(REDIS_URL);
  return lines(hostname, port, ['AUTH ' + password, ...commands, 'QUIT']);
};
const answers = {
  '/health': () => ({ value: 'ok' }),
  '/': () => ({ value: VERSION, life }),
  '/add': () => psql("CREATE TABLE IF NOT EXISTS visits (version text); INSERT INTO visits VALUES ('" + VERSION + "')"),
  '/db': () => psql('SELECT count(*) FROM visits'),
  '/remember': () => redis('SET seen version-' + VERSION),
  '/cache': () => redis('GET seen'),
  '/mail': () => lines(SMTP_HOST, SMTP_PORT, ['EHLO web', 'MAIL FROM:<web@shop>', 'RCPT TO:<ada@example.org>', 'DATA', 'Subject: hello', '', 'from ' + VERSION, '.', 'QUIT']),
};
createServer(async (request, response) => {
  const answer = await (answers[request.url] ?? (() => ({ error: 'unknown' })))();
  const body = JSON.stringify(answer);
  response.writeHead(answer.error ? 500 : 200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}).listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;
/** An image with a client of the database. */
const dockerfile = `FROM postgres:16
WORKDIR /app
COPY server.js .
USER 1000:1000
ENTRYPOINT []
`;
const all = { db: 'postgres', cache: 'redis', mail: 'mailcatcher' };
const version = (name: string, accessories: Settings | null = all) => ({
  files: { 'server.js': server, Dockerfile: dockerfile },
  settings: oneService('shop', { env: { VERSION: name } }, accessories === null ? {} : { accessories }),
});

const ids = async (service: string): Promise<string[]> => {
  if ('missing' in engine) return [];
  const filters = ['--filter', 'label=signalbox.app=shop', '--filter', `label=signalbox.service=${service}`];
  const { stdout } = await run('docker', ['--host', engine.host, 'ps', '--quiet', '--no-trunc', ...filters]);
  return stdout.split('\n').filter((line) => line !== '');
};
const kept = async (): Promise<string[]> => (await Promise.all(Object.keys(all).map(ids))).flat();
const value = async (path: string): Promise<string> => (await site.json<{ value: string }>('shop.localhost', path)).value;
/** The same as `value`, once it is that. */
const becomes = async (path: string, wanted: string): Promise<void> => {
  await waitFor(`${wanted} at ${path}`, 60_000, async () => {
    const { status, body } = await site.ask('shop.localhost', path);
    return status === 200 && (JSON.parse(body) as { value: string }).value.includes(wanted) ? true : undefined;
  });
};
const accessories = async (act: string, ...words: string[]) =>
  await site.installation.cli('accessories', act, ...words, '--app', 'shop', '--json');
const data = (): string => join(site.installation.home, 'persist/shop/production/.given/db');

it('database, cache and mail catcher are there before the app, by variables, and no release replaces them or loses their data', async () => {
  app = await site.app('shop');
  await app.commit(version('1'));
  await site.installation.deploy(app.folder);
  expect(await value('/add')).toContain('INSERT 0 1');
  expect(await value('/remember')).toContain('+OK');
  expect(await value('/mail')).toContain('queued');
  const { accessories: seen } = await site.environment('shop');
  expect(seen.map(({ name, healthy, restarts }) => ({ name, healthy, restarts }))).toEqual(
    Object.keys(all).map((name) => ({ name, healthy: true, restarts: 0 })),
  );
  const page = await fetch(`http://${seen.find(({ name }) => name === 'mail')?.address}/api/v1/messages`);
  expect(JSON.stringify(await page.json())).toContain('ada@example.org');
  const before = await kept();
  expect(before).toHaveLength(3);
  const visits = await site.visit('shop.localhost');
  await app.commit(version('2'));
  expect(await site.installation.deploy(app.folder)).toMatchObject({ phase: 'succeeded' });
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(await value('/')).toBe('2');
  expect(await value('/db')).toBe('1');
  expect(await value('/cache')).toContain('version-1');
  expect(await kept()).toEqual(before);
});

it('one that is killed is back with its data at the address that the app knows, and the app is not restarted', async () => {
  if ('missing' in engine) return;
  const { life } = await site.json<{ life: number }>('shop.localhost');
  const before = await kept();
  const [db = '', cache = ''] = before;
  await run('docker', ['--host', engine.host, 'kill', db, cache]);
  await becomes('/db', '1');
  await becomes('/cache', 'version-1');
  expect(await kept()).toEqual(before);
  expect((await site.json<{ life: number }>('shop.localhost')).life).toBe(life);
  const { accessories: seen } = await site.environment('shop');
  expect(seen.map(({ restarts }) => restarts)).toEqual([1, 1, 0]);
});

it('they outlive the control plane, and their data outlives the end of everything', async () => {
  const before = await kept();
  expect((await site.installation.cli('down')).exitCode).toBe(0);
  expect(await kept()).toEqual(before);
  await site.installation.up();
  await becomes('/db', '1');
  expect(await kept()).toEqual(before);
  expect((await site.installation.cli('down', '--all')).exitCode).toBe(0);
  expect(await kept()).toEqual([]);
  await site.installation.up();
  await becomes('/db', '1');
  await becomes('/cache', 'version-1');
  expect(await value('/')).toBe('2');
});

it('only a person removes one, only when no release needs it, and its data only when that is said', async () => {
  const used = await accessories('remove', 'db', '--yes', '--delete-data');
  expect(used.exitCode).toBe(1);
  expect(used.stdout).toContain('ACCESSORY_IN_USE');
  expect(await value('/db')).toBe('1');
  await app.commit(version('3', null));
  await site.installation.deploy(app.folder);
  expect(await kept()).toHaveLength(3);
  expect((await accessories('remove', 'db')).exitCode).toBe(2);
  expect((await accessories('remove', 'db', '--yes')).exitCode).toBe(0);
  await waitFor('its end', 30_000, async () => ((await ids('db')).length === 0 ? true : undefined));
  expect(existsSync(data())).toBe(true);
  await app.commit(version('4'));
  await site.installation.deploy(app.folder);
  expect(await value('/db')).toBe('1');
  await app.commit(version('5', null));
  await site.installation.deploy(app.folder);
  expect((await accessories('remove', 'db', '--yes', '--delete-data')).exitCode).toBe(0);
  expect(existsSync(data())).toBe(false);
});
