import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openImages } from '../../../src/adapters/builder/docker/open.ts';
import { imageOf } from '../../../src/adapters/runtime/docker/images.ts';
import type { ArtifactRef, BuildRecipe } from '../../../src/domain/release.ts';
import { type BuildKey, instant, type ServiceName, type WallTime } from '../../../src/domain/values.ts';
import type { Engine } from '../../../src/engine/client.ts';
import { SharedBuilds } from '../../../src/pipeline/shared-builds.ts';
import type { BuildResult } from '../../../src/ports/builder.ts';
import { engineOrSkip, programOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
let engine: Engine;
let registry: Registry;

interface Registry {
  readonly port: number;
  readonly place: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const user = 'ada';
/** bcrypt of `right`. */
const hash = '$2b$05$F7LtJRuCVn0lG5au9U7st.4U6qcef.7L/To4KkwRy/a31MxXvvhu6';

beforeEach(async (ctx) => {
  const program = programOrSkip(ctx, { name: 'docker-registry', package: 'docker-registry' });
  engine = engineOrSkip(ctx);
  bench = workbench(engine);
  registry = await registryIn(bench.folder, program);
  await registry.start();
});
afterEach(async () => {
  await registry?.stop();
  await bench?.end();
});

/** Debian's registry on a free port, with one user. */
async function registryIn(folder: string, program: string): Promise<Registry> {
  const port = await freePort();
  const at = join(folder, 'registry');
  mkdirSync(at);
  writeFileSync(join(at, 'htpasswd'), `${user}:${hash}\n`);
  writeFileSync(
    join(at, 'config.yml'),
    [
      'version: 0.1',
      'log: { level: error, accesslog: { disabled: true } }',
      `storage: { filesystem: { rootdirectory: ${join(at, 'data')} }, delete: { enabled: true } }`,
      `http: { addr: "127.0.0.1:${port}", secret: test }`,
      `auth: { htpasswd: { realm: test, path: ${join(at, 'htpasswd')} } }`,
    ].join('\n'),
  );
  let child: ChildProcess | undefined;
  return {
    port,
    place: `127.0.0.1:${port}/team`,
    async start() {
      const started = spawn(program, ['serve', join(at, 'config.yml')], { stdio: 'ignore' });
      child = started;
      const until = performance.now() + 20_000;
      while ((await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => null))?.status !== 401) {
        if (performance.now() > until || started.exitCode !== null) throw new Error('the registry did not come up');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async stop() {
      const ended = child;
      child = undefined;
      if (ended === undefined || ended.exitCode !== null) return;
      const gone = new Promise((resolve) => ended.once('exit', resolve));
      ended.kill('SIGKILL');
      await gone;
    },
  };
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** A builder that pushes, with this password. */
function pushing(password: string, more: Parameters<Workbench['open']>[0] = {}) {
  const passwordFile = join(bench.folder, 'password');
  writeFileSync(passwordFile, `${password}\n`);
  return bench.open({ registry: registry.place, login: { host: `127.0.0.1:${registry.port}`, user, passwordFile }, ...more });
}

/** From nothing: the base image of the others would take half a minute to push. */
async function committed(): Promise<{ sha: string; recipe: BuildRecipe }> {
  const content = randomBytes(1_000_000).toString('hex');
  const sha = await bench.send({ Dockerfile: 'FROM scratch\nCOPY . /app\n', content });
  return { sha, recipe: await bench.recipe(sha) };
}

const authorised = { authorization: `Basic ${Buffer.from(`${user}:right`).toString('base64')}` };
const tags = async (): Promise<readonly string[]> => {
  const answer = await fetch(`http://127.0.0.1:${registry.port}/v2/team/${bench.app}-web/tags/list`, { headers: authorised });
  return answer.ok ? ((await answer.json()) as { tags: string[] }).tags : [];
};

/** As when the machine was tidied by hand: the image and all its names are gone. */
async function lose(sha: string): Promise<void> {
  const answer = await engine.call<{ Id: string }>('GET', `/images/signalbox/${bench.app}-web:${sha}/json`);
  const id = answer.ok ? answer.body.Id : '';
  expect((await engine.call('DELETE', `/images/${id}`, { query: { force: true } })).ok).toBe(true);
}

describe('with a registry', () => {
  test('what was built is pushed by its SHA and by its key, and known by its digest; the password is nowhere to be read', async () => {
    const { sha, recipe } = await committed();
    const { result, lines } = await run(await pushing('right'), bench.request(sha, recipe));
    succeeded(result);
    expect([...(await tags())].sort()).toEqual([sha, `key-${recipe.key}`].sort());
    expect(lines.join('\n')).toMatch(
      new RegExp(`Pushed 127\\.0\\.0\\.1:${registry.port}/team/${bench.app}-web@sha256:[0-9a-f]{64}`),
    );
    expect(lines.join('\n')).not.toContain('right');
  });

  test('an image that is gone here is fetched back, not built again, also when an instance needs it', async () => {
    const { sha, recipe } = await committed();
    const builder = await pushing('right');
    succeeded((await run(builder, bench.request(sha, recipe))).result);
    await lose(sha);
    expect(await builder.has(bench.app, recipe)).toBe(true);
    const { result, lines } = await run(builder, bench.request(sha, recipe));
    expect(succeeded(result).cached).toBe(true);
    expect(lines.join('\n')).not.toContain('Step 1');
    await lose(sha);
    const artifact: ArtifactRef = { app: bench.app, service: 'web' as ServiceName, key: recipe.key, path: '.' };
    const fetchImage = (wanted: ArtifactRef): Promise<boolean> => builder.fetch(wanted.app, wanted.key);
    await expect(imageOf(engine, artifact)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    expect((await imageOf(engine, artifact, fetchImage)).id).toMatch(/^sha256:/);
    const unknown = { ...artifact, key: 'f'.repeat(64) as BuildKey };
    await expect(imageOf(engine, unknown, fetchImage)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  test('another machine takes what the first one built, and may remove it again', async () => {
    const { sha, recipe } = await committed();
    succeeded((await run(await pushing('right'), bench.request(sha, recipe))).result);
    await lose(sha);
    const other = await pushing('right', { homeId: `other${bench.homeId}` });
    const { result, lines } = await run(other, bench.request(sha, recipe));
    expect(succeeded(result).cached).toBe(true);
    expect(lines.join('\n')).not.toContain('Step 1');
    await other.prune(new Set(), { count: 0, bytes: 0 });
    expect((await engine.call('GET', `/images/signalbox/${bench.app}-web:${sha}/json`)).ok).toBe(false);
  });

  test('an image made elsewhere, say of an accessory, is fetched with the same login; without it the reason is said', async () => {
    const { sha, recipe } = await committed();
    succeeded((await run(await pushing('right'), bench.request(sha, recipe))).result);
    await lose(sha);
    const image = `${registry.place}/${bench.app}-web:${sha}`;
    const artifact: ArtifactRef = {
      app: bench.app,
      service: 'cache' as ServiceName,
      key: 'e'.repeat(64) as BuildKey,
      path: '.accessories/cache',
      given: { image },
    };
    await expect(imageOf(engine, artifact)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    const images = await openImages({
      socket: engine.socketPath,
      homeId: `own${bench.homeId}`,
      baseImages: {},
      registry: {
        host: `127.0.0.1:${registry.port}`,
        prefix: 'team',
        login: { user, passwordFile: join(bench.folder, 'password') },
      },
      configFile: join(bench.folder, 'no-logins.json'),
      source: { checkout: () => Promise.reject(new Error('not asked here')) },
      clock: { now: () => instant(performance.now()), wall: () => Date.now() as WallTime },
      folders: { records: join(bench.folder, 'r'), logs: join(bench.folder, 'l'), incoming: join(bench.folder, 'i') },
      shared: new SharedBuilds<BuildResult>(),
    });
    try {
      expect((await imageOf(engine, artifact, (wanted) => images.fetch(wanted))).id).toMatch(/^sha256:/);
      const other = { ...artifact, given: { image: `${registry.place}/${bench.app}-web:none` } };
      await expect(imageOf(engine, other, (wanted) => images.fetch(wanted))).rejects.toMatchObject({
        code: 'ARTIFACT_MISSING',
        message: expect.stringContaining('neither here nor at its registry') as string,
      });
    } finally {
      await images.close();
      await engine.call('DELETE', `/images/${encodeURIComponent(image)}`, { query: { force: true } });
    }
  });

  test('a wrong password is said as that, at once, and mended by the right one without another build', async () => {
    const { sha, recipe } = await committed();
    const { result } = await run(await pushing('wrong'), bench.request(sha, recipe));
    expect(result).toMatchObject({ ok: false, end: 'failed', because: { code: 'REGISTRY_REFUSED' } });
    expect(JSON.stringify(result)).not.toContain('wrong');
    const { result: mended, lines } = await run(await pushing('right'), bench.request(sha, recipe));
    succeeded(mended);
    expect(lines.filter((line) => line.startsWith('Step ')).length).toBeLessThan(20);
    expect(await tags()).toContain(sha);
  });

  test('a registry that goes away in the middle of a push is no fault of the build: it is pushed when it is back', async () => {
    const { sha, recipe } = await committed();
    const builder = await pushing('right');
    let stopping: Promise<void> | undefined;
    const onLine = (line: string): void => {
      if (line.startsWith('The push refers to')) stopping ??= registry.stop();
    };
    await expect(builder.build({ ...bench.request(sha, recipe), onLine })).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
    });
    await stopping;
    await registry.start();
    const { result } = await run(builder, bench.request(sha, recipe));
    expect(succeeded(result).cached).toBe(true);
    expect(await tags()).toContain(sha);
  }, 120_000);

  test('logins come from docker’s own file too', async () => {
    const { registryLogins, registryOf } = await import('../../../src/adapters/builder/docker/logins.ts');
    const configFile = join(bench.folder, 'config.json');
    const auth = Buffer.from(`${user}:right`).toString('base64');
    writeFileSync(
      configFile,
      JSON.stringify({ auths: { [`127.0.0.1:${registry.port}`]: { auth }, 'https://index.docker.io/v1/': { auth } } }),
    );
    const logins = registryLogins({ configFile, own: null });
    const login = JSON.parse(Buffer.from(await logins.headerFor(registry.place), 'base64url').toString()) as object;
    expect(login).toMatchObject({ username: user, password: 'right' });
    expect(registryOf('node:20')).toBe('docker.io');
    expect(Buffer.from(await logins.headerFor('node:20'), 'base64url').toString()).toContain('"username":"ada"');
    expect(Buffer.from(await logins.headerFor('example.com/x:1'), 'base64url').toString()).not.toContain('right');
  });
});
