import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endStarted, makeFolder, removeFolders, removeHome, startCli } from '../cli/run-cli.ts';
import { testEngine } from '../docker/engine.ts';
import { askEngine, foundInEngine, newApp, nothing } from './engine-reads.ts';
import { ask, type DevSession, processesWith, server, startDev } from './session-kit.ts';

let home: string;
const sessions: DevSession[] = [];
const engine = testEngine();
const socket = 'socket' in engine ? engine.socket : '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sb-dev-'));
});
afterEach(async () => {
  for (const session of sessions.splice(0).reverse()) await session.stop();
  endStarted();
  await removeFolders();
  for (const place of await readdir(join(home, 'dev')).catch(() => [])) {
    const elsewhere = await readlink(join(home, 'dev', place, 'work')).catch(() => null);
    if (elsewhere !== null) await rm(elsewhere, { recursive: true, force: true });
  }
  await removeHome(home);
});

const start = async (folder: string, words: readonly string[] = []): Promise<DevSession> => {
  const session = await startDev(folder, { home, words, env: { SIGNALBOX_DOCKER_HOST: `unix://${socket}` } });
  sessions.push(session);
  return session;
};

const ofEngine = <Body>(path: string): Promise<Body> => askEngine<Body>(socket, path);
const inEngine = (app: string) => foundInEngine(socket, app);

/** What pgAdmin's container reads about the first database. */
async function knownServer(app: string): Promise<{ readonly pid: number; readonly server: { Host: string; Port: number } }> {
  const name = (await inEngine(app)).containers.find((one) => one.includes('dbadmin')) ?? '';
  const { State, Config } = await ofEngine<{ State: { Pid: number }; Config: { Env: string[] } }>(`/containers${name}/json`);
  const file = Config.Env.find((one) => one.startsWith('PGADMIN_SERVER_JSON_FILE='))?.split('=')[1] ?? '';
  const { Servers } = JSON.parse(await readFile(`/proc/${State.Pid}/root${file}`, 'utf8')) as {
    Servers: Record<string, { Host: string; Port: number }>;
  };
  return { pid: State.Pid, server: Servers['1'] ?? { Host: '', Port: 0 } };
}

const statusOf = async (url: string): Promise<number> => (await fetch(url, { redirect: 'manual' })).status;

async function variables(port: number): Promise<Record<string, string>> {
  return JSON.parse((await ask(port, '/env')).body) as Record<string, string>;
}
const sql = (url: string, words: string): string =>
  spawnSync('psql', [url, '-Atc', words], { encoding: 'utf8', timeout: 20_000 }).stdout.trim();
const redis = (url: string, ...words: string[]): string => {
  const { hostname, port, password } = new URL(url);
  const where = ['-h', hostname, '-p', port, '-a', password, '--no-auth-warning'];
  return spawnSync('redis-cli', [...where, ...words], { encoding: 'utf8', timeout: 20_000 }).stdout.trim();
};
const missingClients = ['psql', 'redis-cli'].find((name) => spawnSync(name, ['--version']).status !== 0);
const missing =
  'missing' in engine
    ? engine.missing
    : missingClients === undefined
      ? null
      : `needs ${missingClients} (apt-get install postgresql-client redis-tools)`;

const files = (app: string, accessories = '{ db: postgres, cache: redis, dbadmin: { type: pgadmin, when: dev } }') => ({
  'signalbox.yaml': `app: ${app}
accessories: ${accessories}
services:
  web: { run: node server.mjs, route: / }
`,
  'server.mjs': server('web'),
});

describe('accessories as containers at the desk', { timeout: 300_000 }, () => {
  test('are reached by services in containers and as processes, leave nothing in the engine, and keep their data', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const folder = await makeFolder(files(app), { git: false });
    const first = await start(folder, ['--runtime', 'docker']);
    expect(await first.ready()).toMatchObject({ ready: true });
    const { DATABASE_URL = '', REDIS_URL = '' } = await variables(first.port);
    expect(new URL(DATABASE_URL).hostname).toMatch(/^(?:10|172|192)\./);
    expect(sql(DATABASE_URL, "create table kept (it text); insert into kept values ('yes'); select it from kept")).toContain(
      'yes',
    );
    expect(redis(REDIS_URL, 'set', 'kept', 'yes')).toBe('OK');
    const { text } = await first.said(/^pgadmin is up .*http:/);
    expect(text).toContain('admin@example.com / …');
    const [url = ''] = /http:\S+/.exec(text) ?? [];
    expect(await statusOf(url)).toBe(302);
    // The service's own is the fourth.
    expect((await inEngine(app)).containers).toHaveLength(4);
    expect(first.running.out()).not.toContain(new URL(DATABASE_URL).password);

    await first.stop();
    expect(await inEngine(app)).toEqual(nothing);
    expect(processesWith(home)).toEqual([]);

    // Without the option: where its data is, it stays.
    const second = await start(folder);
    expect(await second.ready()).toMatchObject({ ready: true });
    const again = await variables(second.port);
    expect(sql(again['DATABASE_URL'] ?? '', 'select it from kept')).toBe('yes');
    expect(redis(again['REDIS_URL'] ?? '', 'get', 'kept')).toBe('yes');
    await second.said(/as last time/);
    await second.stop();
    expect(await inEngine(app)).toEqual(nothing);
  });

  test('of a session that was killed are found by the next, and ended when they are no longer wanted', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const folder = await makeFolder(files(app, '{ cache: redis }'), { git: false });
    const first = await start(folder, ['--runtime', 'docker']);
    await first.ready();
    const { REDIS_URL = '' } = await variables(first.port);
    expect(redis(REDIS_URL, 'config', 'set', 'maxmemory', '77mb')).toBe('OK');
    first.running.child.kill('SIGKILL');
    await first.running.done;
    const second = await start(folder, ['--runtime', 'docker']);
    await second.ready();
    // The very same one: it has what only its memory knows.
    expect(redis((await variables(second.port))['REDIS_URL'] ?? '', 'config', 'get', 'maxmemory')).toContain(
      `${77 * 1024 * 1024}`,
    );
    second.running.child.kill('SIGKILL');
    await second.running.done;
    const third = await start(folder, ['--no-accessories']);
    await third.ready();
    expect(await inEngine(app)).toEqual(nothing);
    await third.stop();
    expect(processesWith(home)).toEqual([]);
  });

  test('stand in alone for what this system cannot give, and say why; Ctrl-C while they start leaves nothing', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const folder = await makeFolder(
      files(
        app,
        "{ mail: mailcatcher, thing: { type: custom, image: 'dpage/pgadmin4:8', port: 5050, persist: [/var/lib/pgadmin], env: { PGADMIN_LISTEN_PORT: '5050', PGADMIN_DEFAULT_EMAIL: a@b.c, PGADMIN_DEFAULT_PASSWORD: xyz } } }",
      ),
      { git: false },
    );
    const first = await start(folder);
    await first.ready();
    expect((await first.said(/runs as a container/)).text).toContain('needs Docker');
    expect((await variables(first.port))['SMTP_HOST']).toBe('127.0.0.1');
    expect((await inEngine(app)).containers).toHaveLength(1);
    await first.stop();
    expect(await inEngine(app)).toEqual(nothing);

    const hasty = startCli(['dev', folder, '--json', '--port', '0'], {
      home,
      env: { SIGNALBOX_DOCKER_HOST: `unix://${socket}` },
    });
    const deadline = performance.now() + 30_000;
    while ((await inEngine(app)).containers.length === 0 && performance.now() < deadline) await wait(20);
    hasty.child.kill('SIGINT');
    await hasty.done;
    expect(await inEngine(app)).toEqual(nothing);
    expect(processesWith(home)).toEqual([]);
  });

  test('pgAdmin is told the databases that run beside it', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const folder = await makeFolder(files(app, '{ db: postgres, dbadmin: pgadmin }'), { git: false });
    const session = await start(folder, ['--runtime', 'docker']);
    await session.said(/^pgadmin is up/);
    expect((await knownServer(app)).server).toMatchObject({ Host: 'db', Port: 5432, Username: 'app', MaintenanceDB: 'app' });
  });

  test('pgAdmin reaches a database that is a process of this machine, and nobody else does', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    if (!existsSync('/usr/lib/postgresql')) return ctx.skip('needs a PostgreSQL server (apt-get install postgresql)');
    const app = newApp();
    const folder = await makeFolder(files(app, '{ db: postgres, dbadmin: pgadmin }'), { git: false });
    const session = await start(folder);
    await session.said(/runs as a container: pgAdmin runs from its image/);
    await session.said(/^pgadmin is up/);
    const { DATABASE_URL = '' } = await variables(session.port);
    const { port, hostname } = new URL(DATABASE_URL);
    expect(hostname).toBe('127.0.0.1');
    const { pid, server: known } = await knownServer(app);
    expect(known).toMatchObject({ Port: Number(port), Username: 'app' });
    // From inside of its network the database answers; from the machine itself the same address is closed at once.
    const ready = ['pg_isready', '-h', known.Host, '-p', port, '-t', '10'];
    expect(spawnSync('nsenter', ['-t', `${pid}`, '-n', ...ready]).status).toBe(0);
    expect(spawnSync('pg_isready', ready.slice(1)).status).not.toBe(0);
    await session.stop();
    expect(await inEngine(app)).toEqual(nothing);
  });

  test('whose image cannot be had end the session in words, and leave nothing', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const none = "{ cache: redis, thing: { type: custom, image: 'localhost:9/none:1', port: 80 } }";
    const folder = await makeFolder(files(app, none), { git: false });
    const env = { SIGNALBOX_DOCKER_HOST: `unix://${socket}` };
    const ran = await startCli(['dev', folder, '--port', '0', '--runtime', 'docker'], { home, env }).done;
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('localhost:9/none:1');
    expect(ran.out).toContain('the engine fetches localhost:9/none:1');
    expect(await inEngine(app)).toEqual(nothing);
    expect(processesWith(home)).toEqual([]);
  });

  test('of two folders are apart: the end of one leaves the other alone', async (ctx) => {
    if (missing !== null) return ctx.skip(missing);
    const app = newApp();
    const [one, other] = await Promise.all(
      ['a', 'b'].map(async () =>
        start(await makeFolder(files(app, '{ cache: redis }'), { git: false }), ['--runtime', 'docker']),
      ),
    );
    await Promise.all([one?.ready(), other?.ready()]);
    expect((await inEngine(app)).containers).toHaveLength(4);
    await one?.stop();
    expect((await inEngine(app)).containers).toHaveLength(2);
    expect(redis((await variables(other?.port ?? 0))['REDIS_URL'] ?? '', 'ping')).toBe('PONG');
    // Also a second Ctrl-C waits for that much.
    other?.running.child.kill('SIGINT');
    other?.running.child.kill('SIGTERM');
    await other?.running.done;
    expect(await inEngine(app)).toEqual(nothing);
    expect(processesWith(home)).toEqual([]);
  });
});

describe('containers at the desk without an engine', { timeout: 150_000 }, () => {
  test('are refused in words where they were asked for, and a database browser is left out where they were not', async () => {
    const env = { SIGNALBOX_DOCKER_HOST: `unix://${home}/none.sock` };
    const folder = await makeFolder(files('shop', '{ dbadmin: pgadmin }'), { git: false });
    const asked = await startCli(['dev', folder, '--port', '0', '--runtime', 'docker'], { home, env }).done;
    expect(asked.err).toContain('ENGINE_UNAVAILABLE');
    expect(asked.err).toContain('none.sock');
    const session = await startDev(folder, { home, env });
    sessions.push(session);
    await session.ready();
    expect((await session.said(/left out/)).text).toContain('no Docker engine answers');
  });
});
