import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endStarted, makeFolder, removeFolders, removeHome, startCli } from '../cli/run-cli.ts';
import { ask, type DevSession, processesWith, server, startDev, until } from './session-kit.ts';

let home: string;
const sessions: DevSession[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sb-dev-'));
});
afterEach(async () => {
  for (const session of sessions.splice(0).reverse()) await session.stop();
  endStarted();
  await removeFolders();
  // Where other users may not enter the home, what accessories keep lies elsewhere.
  for (const place of await readdir(join(home, 'dev')).catch(() => [])) {
    const elsewhere = await readlink(join(home, 'dev', place, 'work')).catch(() => null);
    if (elsewhere !== null) await rm(elsewhere, { recursive: true, force: true });
  }
  await removeHome(home);
});

const start = async (folder: string, words: readonly string[] = [], env: Record<string, string> = {}): Promise<DevSession> => {
  const session = await startDev(folder, { home, words, env });
  sessions.push(session);
  return session;
};
const refused = (folder: string, words: readonly string[] = []) =>
  startCli(['dev', folder, '--port', '0', ...words], { home, cwd: folder }).done;

const missingRedis =
  spawnSync('redis-server', ['--version']).status === 0 ? null : 'needs redis-server (apt-get install redis-server)';

describe('accessories at the desk', { timeout: 120_000 }, () => {
  const files = {
    'signalbox.yaml': `app: shop
accessories: { cache: redis }
services:
  web: { run: node server.mjs, route: /, requires: [REDIS_URL] }
`,
    'server.mjs': server('web'),
  };
  /** Asks Redis in its own words. */
  const redis = (url: string, ...words: string[]): string => {
    const { hostname, port, password } = new URL(url);
    const where = ['-h', hostname, '-p', port, '-a', password, '--no-auth-warning'];
    return spawnSync('redis-cli', [...where, ...words], { encoding: 'utf8' }).stdout.trim();
  };
  const urlOf = async (port: number): Promise<string> =>
    (JSON.parse((await ask(port, '/env')).body) as { REDIS_URL: string }).REDIS_URL;

  test('are up before the services, win over files of variables, and keep their data', async (ctx) => {
    if (missingRedis !== null) return ctx.skip(missingRedis);
    const folder = await makeFolder({ ...files, '.env': 'REDIS_URL=redis://live.example.com' }, { git: false });
    const first = await start(folder);
    expect(await first.ready()).toMatchObject({ ready: true });
    const url = await urlOf(first.port);
    expect(url).toContain('@127.0.0.1:');
    await first.said(/REDIS_URL of \.env is not used/);
    expect(first.running.out()).not.toContain(new URL(url).password);
    expect(redis(url, 'set', 'kept', 'yes')).toBe('OK');
    await first.stop();
    expect(redis(url, 'ping')).toBe('');
    const second = await start(folder);
    await second.ready();
    expect(redis(await urlOf(second.port), 'get', 'kept')).toBe('yes');
  });

  test('of a session that was killed are found again by the next', async (ctx) => {
    if (missingRedis !== null) return ctx.skip(missingRedis);
    const folder = await makeFolder(files, { git: false });
    const first = await start(folder);
    await first.ready();
    const url = await urlOf(first.port);
    expect(redis(url, 'set', 'kept', 'yes')).toBe('OK');
    first.running.child.kill('SIGKILL');
    await first.running.done;
    const second = await start(folder);
    await second.ready();
    expect(redis(await urlOf(second.port), 'get', 'kept')).toBe('yes');
    await second.stop();
    expect(processesWith(home)).toEqual([]);
  });

  test('that are not wanted leave their variables to you', async () => {
    const folder = await makeFolder(files, { git: false });
    const ran = await refused(folder, ['--no-accessories']);
    expect(ran.err).toContain('web needs REDIS_URL');
    await writeFile(join(folder, '.env'), 'REDIS_URL=redis://mine');
    const { port, ready } = await start(folder, ['--no-accessories']);
    await ready();
    expect(await urlOf(port)).toBe('redis://mine');
  });
});

describe('what is around the services', { timeout: 90_000 }, () => {
  test('a repository without signalbox.yaml is developed as it is detected', async () => {
    const detected = {
      'package.json': JSON.stringify({ name: 'plain', scripts: { start: 'node server.mjs' } }),
      'server.mjs': server('detected'),
    };
    const { port, ready } = await start(await makeFolder(detected, { git: false }));
    await ready();
    expect((await ask(port)).body).toBe('detected');
  });

  test('dependencies without a lock file are not installed unasked', async () => {
    const wanting = {
      'package.json': JSON.stringify({ name: 'x', scripts: { dev: 'node server.mjs' }, dependencies: { 'left-out': '1.0.0' } }),
      'server.mjs': server('x'),
    };
    const folder = await makeFolder(wanting, { git: false });
    const ran = await refused(folder);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('DEV_NOT_INSTALLED');
    expect(ran.err).toContain('npm install');
    expect(existsSync(join(folder, 'node_modules'))).toBe(false);
  });

  test('a release command runs before the service, again when its inputs change, and its failure is the page', async () => {
    const folder = await makeFolder(
      {
        'signalbox.yaml':
          'app: shop\nservices:\n  web: { run: node server.mjs, route: /, release: { run: sh migrate/run.sh, inputs: [migrate] } }\n',
        'server.mjs': server('web'),
        'migrate/run.sh': 'echo migrated one; echo x >> "$OUT"',
      },
      { git: false },
    );
    const out = join(home, 'runs');
    const runs = async (): Promise<number> => (await readFile(out, 'utf8')).length / 2;
    const first = await start(folder, [], { OUT: out });
    await first.ready();
    expect(await runs()).toBe(1);
    await first.stop();
    const second = await start(folder, [], { OUT: out });
    await second.ready();
    expect(await runs()).toBe(1);
    await writeFile(join(folder, 'migrate/run.sh'), 'echo broken migration; exit 4');
    const page = await until(second.port, ({ status }) => status === 503);
    expect(page.body).toContain('release command');
    expect(page.body).toContain('broken migration');
    await writeFile(join(folder, 'migrate/run.sh'), 'echo x >> "$OUT"');
    await until(second.port, ({ status }) => status === 200);
    expect(await runs()).toBe(2);
  });

  test('what Procfile.dev starts beside the services runs, too', async () => {
    const folder = await makeFolder(
      {
        'signalbox.yaml': 'app: shop\nservices:\n  web: { run: node other.mjs, route: / }\n',
        'Procfile.dev': 'web: node server.mjs\ncss: node styles.mjs\n',
        'server.mjs': server('by the Procfile'),
        'styles.mjs': "console.log('styles'); setInterval(() => {}, 1000);",
      },
      { git: false },
    );
    const { port, ready, said } = await start(folder);
    expect(await ready()).toMatchObject({ ready: true });
    expect((await ask(port)).body).toBe('by the Procfile');
    expect(await said(/^styles$/)).toMatchObject({ source: 'css' });
  });

  test('a service that ignores PORT is found where it listens', async () => {
    const stubborn =
      "import { createServer } from 'node:http';\ncreateServer((req, res) => res.end('elsewhere')).listen(0, '127.0.0.1');\n";
    const folder = await makeFolder(
      { 'signalbox.yaml': 'app: shop\nservices:\n  web: { run: node server.mjs, route: / }\n', 'server.mjs': stubborn },
      { git: false },
    );
    const { port, said } = await start(folder);
    expect((await ask(port)).body).toBe('elsewhere');
    await said(/ignores PORT/);
  });

  test('several hosts have names of this machine each, and plain localhost lists them', async () => {
    const folder = await makeFolder(
      {
        'signalbox.yaml': `app: shop
services:
  web: { path: a, run: node server.mjs, route: { host: shop.example.com } }
  docs: { path: b, run: node server.mjs, route: { host: docs.example.com } }
`,
        'a/server.mjs': server('shop'),
        'b/server.mjs': server('docs'),
      },
      { git: false },
    );
    const { port, ready } = await start(folder);
    await ready();
    expect((await ask(port, '/', { host: `shop.localhost:${port}` })).body).toBe('shop');
    expect((await ask(port, '/', { host: `docs.localhost:${port}` })).body).toBe('docs');
    const list = await ask(port);
    expect(list.body).toContain(`http://shop.localhost:${port}/`);
    expect(list.body).toContain(`http://docs.localhost:${port}/`);
  });

  test('HTTPS comes with a certificate of the local authority', async () => {
    const folder = await makeFolder(
      { 'signalbox.yaml': 'app: shop\nservices:\n  web: { run: node server.mjs, route: / }\n', 'server.mjs': server('safe') },
      { git: false },
    );
    const { https, ready } = await start(folder, ['--https']);
    await ready();
    const ca = await readFile(join(home, 'local-ca', 'ca.crt'));
    const body = await new Promise<string>((resolve, reject) => {
      request(
        { host: '127.0.0.1', port: https ?? 0, servername: 'shop.localhost', headers: { host: `shop.localhost:${https}` }, ca },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => resolve(text));
        },
      )
        .on('error', reject)
        .end();
    });
    expect(body).toBe('safe');
  });

  test('a service that is not there, and an engine that is not there, are refused in words', async () => {
    const folder = await makeFolder(
      { 'signalbox.yaml': 'app: shop\nservices:\n  web: { run: node server.mjs, route: / }\n', 'server.mjs': server('x') },
      { git: false },
    );
    const unknown = await refused(folder, ['--only', 'wbe']);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.err).toContain('Did you mean web?');
    const env = { SIGNALBOX_DOCKER_HOST: `unix://${home}/none.sock` };
    const words = ['dev', folder, '--port', '0', '--runtime', 'docker', '--no-accessories'];
    const asked = await startCli(words, { home, cwd: folder, env }).done;
    expect(asked.err).toContain('ENGINE_UNAVAILABLE');
    expect(asked.err).toContain(`${home}/none.sock`);
    await rm(join(folder, 'server.mjs'));
    const { port, ready } = await start(folder);
    expect(await ready()).toMatchObject({ ready: false, down: ['web'] });
    expect((await ask(port)).body).toContain('Cannot find module');
  });
});
