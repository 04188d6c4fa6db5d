import { existsSync } from 'node:fs';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endStarted, makeFolder, removeFolders, removeHome, startCli } from '../cli/run-cli.ts';
import { testEngine } from '../docker/engine.ts';
import { askEngine, foundInEngine, newApp, nothing } from './engine-reads.ts';
import { ask, type DevSession, processesWith, server, startDev, until } from './session-kit.ts';

const engine = testEngine();
const socket = 'socket' in engine ? engine.socket : '';
const env = { SIGNALBOX_DOCKER_HOST: `unix://${socket}` };
let home: string;
const sessions: DevSession[] = [];

beforeEach(async (ctx) => {
  home = await mkdtemp(join(tmpdir(), 'sb-dev-'));
  if ('missing' in engine) ctx.skip(engine.missing);
});
afterEach(async () => {
  for (const session of sessions.splice(0).reverse()) await session.stop();
  endStarted();
  await removeFolders();
  await removeHome(home);
});

const start = async (folder: string, words: readonly string[] = ['--runtime', 'docker']): Promise<DevSession> => {
  const session = await startDev(folder, { home, words, env });
  sessions.push(session);
  return session;
};
const inEngine = (app: string) => foundInEngine(socket, app);
const variables = async (port: number): Promise<Record<string, string>> =>
  JSON.parse((await ask(port, '/env')).body) as Record<string, string>;
const unnamedVolumes = async (): Promise<number> =>
  (await askEngine<{ Volumes: { Name: string }[] | null }>(socket, '/volumes')).Volumes?.length ?? 0;

describe('a service in a container at the desk', { timeout: 300_000 }, () => {
  /** A package of the repository itself: no network is needed to install it. */
  const withPackage = (app: string) => ({
    'signalbox.yaml': `app: ${app}\nservices:\n  web: { run: node server.mjs, route: / }\n`,
    'package.json': JSON.stringify({ name: 'shop', version: '1.0.0', dependencies: { greeting: 'file:greeting' } }),
    'package-lock.json': JSON.stringify({
      name: 'shop',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'shop', version: '1.0.0', dependencies: { greeting: 'file:greeting' } },
        greeting: { version: '1.0.0' },
        'node_modules/greeting': { resolved: 'greeting', link: true },
      },
    }),
    'greeting/package.json': JSON.stringify({ name: 'greeting', version: '1.0.0', main: 'index.cjs' }),
    'greeting/index.cjs': 'module.exports = "hello";',
    'server.mjs': `
import { createServer } from 'node:http';
import { readdirSync, writeFileSync } from 'node:fs';
import greeting from 'greeting';
writeFileSync('written.txt', 'by the service');
const seen = { greeting, packages: readdirSync('node_modules').filter((name) => !name.startsWith('.')), home: process.env.HOME, shell: process.env.FROM_THE_TERMINAL };
createServer((_, res) => res.end(JSON.stringify(seen))).listen(process.env.PORT, process.env.HOST);`,
  });

  test('has packages of its own, made once, and leaves those of this machine alone', async () => {
    const app = newApp();
    const folder = await makeFolder({ ...withPackage(app), 'node_modules/made-here.txt': 'x' }, { git: false });
    const volumes = await unnamedVolumes();
    const first = await start(folder);
    await first.said(/its packages are made for its container: npm ci/);
    expect(await first.ready()).toMatchObject({ ready: true });
    const seen = JSON.parse((await ask(first.port)).body) as { greeting: string; packages: string[]; home: string };
    expect(seen).toMatchObject({ greeting: 'hello', packages: ['greeting'] });
    expect(seen.home).not.toBe(home);
    expect((await inEngine(app)).containers).toHaveLength(1);
    await first.stop();
    expect(await readdir(join(folder, 'node_modules'))).toEqual(['made-here.txt']);
    expect(existsSync(join(folder, 'greeting', 'node_modules'))).toBe(false);
    expect(existsSync(join(folder, 'written.txt'))).toBe(true);
    expect(await inEngine(app)).toEqual(nothing);
    expect(await unnamedVolumes()).toBe(volumes);
    expect(processesWith(home)).toEqual([]);

    const second = await start(folder);
    await second.ready();
    expect(second.entries().filter(({ text }) => text.includes('npm ci'))).toEqual([]);
    await second.stop();
    await writeFile(join(folder, 'package.json'), withPackage(app)['package.json'].replace('{', '{ "private": true,'));
    const third = await start(folder);
    await third.said(/what its packages are made from has changed: npm ci/);
    await third.ready();
  });

  test('is told what the repository names, and not what else the terminal knows', async () => {
    const app = newApp();
    const folder = await makeFolder(
      {
        'signalbox.yaml': `app: ${app}\nservices:\n  web: { run: node server.mjs, route: /, requires: [STRIPE_KEY], env: { COLOUR: red } }\n`,
        'server.mjs': server('web'),
        '.env': 'GREETING=hello',
      },
      { git: false },
    );
    const session = await startDev(folder, {
      home,
      words: ['--runtime', 'docker'],
      env: { ...env, STRIPE_KEY: 'sk', GREETING: 'hi', UNRELATED: 'private' },
    });
    sessions.push(session);
    await session.ready();
    const seen = await variables(session.port);
    expect(seen).toMatchObject({ STRIPE_KEY: 'sk', GREETING: 'hi', COLOUR: 'red', NODE_ENV: 'development', HOST: '127.0.0.1' });
    expect(seen['UNRELATED']).toBeUndefined();
    expect(seen['PATH']?.split(':')).toContain('/usr/bin');
  });

  test('is developed in the stage that its Dockerfile has for that, with the command of that stage', async () => {
    const app = newApp();
    const folder = await makeFolder(
      {
        'signalbox.yaml': `app: ${app}\nservices:\n  web: { dockerfile: Dockerfile, route: / }\n`,
        Dockerfile: `FROM node:20-bookworm-slim AS dev\nENV FROM_STAGE=yes\nCMD ["node", "server.mjs"]\nFROM dev\nENV FROM_STAGE=no\n`,
        'server.mjs': server('one'),
      },
      { git: false },
    );
    const { port, ready, stop } = await start(folder);
    expect(await ready()).toMatchObject({ ready: true });
    expect((await variables(port))['FROM_STAGE']).toBe('yes');
    await writeFile(join(folder, 'server.mjs'), server('two'));
    await until(port, ({ body }) => body === 'two');
    await stop();
    expect(await inEngine(app)).toEqual(nothing);
    // The image stays for the next start, as a cache does; one for each service.
    const filters = encodeURIComponent(JSON.stringify({ label: [`signalbox.app=${app}`] }));
    const images = await askEngine<{ Id: string }[]>(socket, `/images/json?filters=${filters}`);
    expect(images).toHaveLength(1);
    for (const { Id } of images) await askEngine(socket, `/images/${Id}?force=true`, 'DELETE');
  });

  test('that is an image made elsewhere runs as it is', async () => {
    const app = newApp();
    const folder = await makeFolder(
      { 'signalbox.yaml': `app: ${app}\nservices:\n  mail: { image: 'axllent/mailpit:v1.21', port: 8025, route: / }\n` },
      { git: false },
    );
    const { port, ready } = await start(folder);
    expect(await ready()).toMatchObject({ ready: true });
    expect((await ask(port)).status).toBe(200);
  });

  test('of a session that was killed is removed by the next, also by one without containers', async () => {
    const app = newApp();
    const folder = await makeFolder(
      { 'signalbox.yaml': `app: ${app}\nservices:\n  web: { run: node server.mjs, route: / }\n`, 'server.mjs': server('web') },
      { git: false },
    );
    const first = await start(folder);
    await first.ready();
    first.running.child.kill('SIGKILL');
    await first.running.done;
    expect((await inEngine(app)).containers).toHaveLength(1);
    const second = await start(folder, []);
    expect(await second.ready()).toMatchObject({ ready: true });
    expect(await inEngine(app)).toEqual(nothing);
    expect((await ask(second.port)).body).toBe('web');
  });

  test('whose container is killed or removed behind our back says so and is started again by a change', async () => {
    const app = newApp();
    const folder = await makeFolder(
      { 'signalbox.yaml': `app: ${app}\nservices:\n  web: { run: node server.mjs, route: / }\n`, 'server.mjs': server('web') },
      { git: false },
    );
    const { port, ready } = await start(folder);
    await ready();
    const [name = ''] = (await inEngine(app)).containers;
    const { Id } = await askEngine<{ Id: string }>(socket, `/containers${name}/json`);
    await askEngine(socket, `/containers/${Id}?force=true`, 'DELETE');
    await until(port, ({ body, status }) => body === 'web' || (status === 503 && body.includes('DEV_SERVICE_DOWN')));
    await writeFile(join(folder, 'server.mjs'), server('again'));
    await until(port, ({ body }) => body === 'again');
    expect((await inEngine(app)).containers).toHaveLength(1);
  });

  test('reaches accessories by the names that signalbox.yaml gives them', async () => {
    const app = newApp();
    const lookup = `
import { createServer } from 'node:http';
import { lookup } from 'node:dns/promises';
createServer(async (_, res) => res.end(await lookup('cache').then(({ address }) => address, String))).listen(process.env.PORT, process.env.HOST);`;
    const folder = await makeFolder(
      {
        'signalbox.yaml': `app: ${app}\naccessories: { cache: redis }\nservices:\n  web: { run: node server.mjs, route: / }\n`,
        'server.mjs': lookup,
      },
      { git: false },
    );
    const { port, ready } = await start(folder);
    await ready();
    expect((await ask(port)).body).toMatch(/^(?:10|172|192)\./);
  });
});

describe('containers that cannot be had', { timeout: 150_000 }, () => {
  const refused = async (files: Record<string, string>) => {
    const folder = await makeFolder(files, { git: false });
    return startCli(['dev', folder, '--port', '0', '--runtime', 'docker'], { home, env }).done;
  };

  test('because nothing says which image: the answer names a way', async () => {
    const app = newApp();
    const ran = await refused({ 'signalbox.yaml': `app: ${app}\nservices:\n  web: { run: ./serve, route: / }\n`, serve: '' });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('DEV_UNSUPPORTED');
    expect(ran.err).toMatch(/which image web is developed in.*there is no Dockerfile/s);
    expect(ran.err).toContain('AS dev');
    expect(await inEngine(app)).toEqual(nothing);
  });

  test('because an image is nowhere, or a stage cannot be built', async () => {
    const app = newApp();
    const yaml = `app: ${app}\nservices:\n  web: { run: node server.mjs, route: / }\n`;
    const nowhere = await refused({ 'signalbox.yaml': yaml, Dockerfile: 'FROM localhost:9/none:1\n', 'server.mjs': '' });
    expect(nowhere.err).toContain('localhost:9/none:1');
    const broken = await refused({
      'signalbox.yaml': yaml,
      Dockerfile: 'FROM node:20-bookworm-slim AS dev\nRUN echo the reason && exit 3\n',
      'server.mjs': '',
    });
    expect(broken.err).toContain('BUILD_FAILED');
    expect(broken.out).toContain('the reason');
    expect(await inEngine(app)).toEqual(nothing);
  });
});
