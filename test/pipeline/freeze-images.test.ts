import { describe, expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { resolveEnvironment } from '../../src/domain/environment.ts';
import type { ReleasedService } from '../../src/domain/release.ts';
import type { AppName, EnvironmentName } from '../../src/domain/values.ts';
import { contentHash } from '../../src/pipeline/canonical-json.ts';
import { freezeRelease, gatherFacts } from '../../src/pipeline/freeze.ts';
import type { ImageFreezing } from '../../src/pipeline/freeze-images.ts';
import { memoryReader } from '../config/memory-reader.ts';

const digest = `sha256:${'a'.repeat(64)}`;
/** Stands for the blueprints and the engine, which have tests of their own. */
const freezing: ImageFreezing = {
  dockerfileFor: (service) => Promise.resolve({ text: `FROM node:20\nCMD ${service.run}\n`, context: service.path }),
  pin: (image) => Promise.resolve(`${image.split(':')[0]}@${digest}`),
};

type Files = Readonly<Record<string, string>>;

/** Freezes a repository of these files; a tree's hash is a hash of what is below it. */
async function freeze(
  files: Files,
  options: { images?: ImageFreezing | undefined; kept?: Readonly<Record<string, string>> } = { images: freezing },
) {
  const reader = memoryReader(files);
  const { spec, origin } = await loadAppSpec(reader);
  const asked: string[] = [];
  const facts = await gatherFacts(resolveEnvironment(spec, 'production' as EnvironmentName), 'sha', {
    source: {
      readFile: (_app: AppName, _sha: string, path: string) => reader.read(path),
      list: (_app: AppName, _sha: string, folder: string, limit: number) => reader.list(folder, limit),
      trees: async (_app: AppName, _sha: string, paths: readonly string[]) => {
        const hash = async (path: string) => {
          const below = await reader.list(path, 1000);
          return below.length === 0 ? (files[path] ?? null) : contentHash(below.map((name) => [name, files[name]]));
        };
        return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await hash(path)] as const)));
      },
    },
    versions: (programs) => {
      asked.push(...programs);
      return Promise.resolve(Object.fromEntries(programs.map((name) => [name, '1'])));
    },
    ...(options.images === undefined
      ? {}
      : {
          images: {
            freezing: options.images,
            detected: origin === 'detected',
            spec,
            ...(options.kept ? { kept: options.kept } : {}),
          },
        }),
  });
  const services = freezeRelease(resolveEnvironment(spec, 'production' as EnvironmentName), facts);
  return { services: Object.fromEntries(services.map((s) => [s.service as string, s])), asked };
}

const one = (services: Readonly<Record<string, ReleasedService>>, name = 'web'): ReleasedService => {
  const found = services[name];
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};

const shop = (service: string, more: Files = {}): Files => ({
  'signalbox.yaml': `app: shop\nservices:\n  web: { path: web, ${service}, route: / }\n`,
  'web/server.js': 'one',
  ...more,
});
const dockerfile = { 'web/Dockerfile': 'FROM x\n' };

describe('on a runtime of containers', () => {
  test('a service is the image of its own Dockerfile, and its command wins over the image’s', async () => {
    const web = one((await freeze(shop('run: node server.js, port: 3000', dockerfile))).services);
    expect(web.build.image).toEqual({ dockerfile: { path: 'web/Dockerfile' }, context: 'web' });
    expect(web.build.inputs).toEqual(['web']);
    expect(web.workload).toMatchObject({ run: 'node server.js', port: 3000 });
  });

  test('without a command the image’s own starts it', async () => {
    expect(one((await freeze(shop('replicas: 1', dockerfile))).services).workload.run).toBeUndefined();
  });

  test('a Dockerfile knows better than detection how a service starts', async () => {
    const { services } = await freeze({
      'package.json': '{"scripts":{"start":"node server.js"}}',
      'server.js': 'http.createServer().listen(process.env.PORT)',
      Dockerfile: 'FROM x\nCMD ["node", "server.js"]\n',
    });
    const [web] = Object.values(services);
    expect(web?.build.image).toEqual({ dockerfile: { path: 'Dockerfile' }, context: '.' });
    expect(web?.workload.run).toBeUndefined();
  });

  test('without a Dockerfile one is made, and it needs no program of this machine', async () => {
    const { services, asked } = await freeze(shop('build: npm ci, run: node server.js'));
    expect(one(services).build.image).toEqual({ dockerfile: { text: 'FROM node:20\nCMD node server.js\n' }, context: 'web' });
    // The image starts by itself: what runs an app on a laptop runs it here.
    expect(one(services).workload.run).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('services of one folder with one Dockerfile are one image, however each of them starts', async () => {
    const file = `app: shop
services:
  api: { path: web, run: node api.js, route: / }
  mailer: { path: web, run: node mailer.js, env: { A: b } }
`;
    const { services } = await freeze({ 'signalbox.yaml': file, 'web/server.js': 'one', ...dockerfile });
    const { api, mailer } = services;
    expect(api?.build.key).toBe(mailer?.build.key);
    expect([api?.workload.run, mailer?.workload.run]).toEqual(['node api.js', 'node mailer.js']);
  });

  test('static services are folders still, built by the programs of this machine', async () => {
    const { services, asked } = await freeze(shop('static: dist, build: npm run build', dockerfile));
    expect(one(services).build.image).toBeUndefined();
    expect(asked).toEqual(['node', 'npm']);
  });

  test('an image made elsewhere that is kept is not looked up again, wherever its tag has moved to since', async () => {
    const files = shop('image: "acme/web:1"');
    const pin = (): Promise<string> => Promise.reject(new Error('nobody may ask'));
    const kept = { web: `acme/web@sha256:${'c'.repeat(64)}` };
    const { services } = await freeze(files, { images: { ...freezing, pin }, kept });
    expect(one(services).build.given).toEqual({ image: kept.web });
  });

  test('an image made elsewhere is pinned, so that another content is another workload', async () => {
    const files = { 'signalbox.yaml': "app: shop\nservices:\n  web: { image: 'acme/web:1', route: / }\n", a: '' };
    const web = one((await freeze(files)).services);
    expect(web.workload.artifact.given).toEqual({ image: `acme/web@${digest}` });
    const moved = { ...freezing, pin: () => Promise.resolve(`acme/web@sha256:${'b'.repeat(64)}`) };
    const later = one((await freeze(files, { images: moved })).services);
    expect(later.workload.id).not.toBe(web.workload.id);
    expect(later.build.key).not.toBe(web.build.key);
  });

  test('the key covers the context, the Dockerfile, the target and the build variables, and nothing else', async () => {
    const key = async (service: string, more: Files = {}) =>
      one((await freeze(shop(service, { ...dockerfile, ...more }))).services).build.key;
    const before = await key('run: x');
    expect(await key('run: x', { 'elsewhere/a': '1' })).toBe(before);
    expect(await key('run: y, env: { A: b }')).toBe(before);
    expect(await key('run: x', { 'web/server.js': 'two' })).not.toBe(before);
    expect(await key('run: x', { 'web/Dockerfile': 'FROM y\n' })).not.toBe(before);
    expect(await key('run: x, target: prod')).not.toBe(before);
    expect(await key('run: x, buildEnv: { A: b }')).not.toBe(before);
    const made = async (base: string) =>
      one(
        (
          await freeze(shop('run: x'), {
            images: { ...freezing, dockerfileFor: () => Promise.resolve({ text: `FROM ${base}`, context: 'web' }) },
          })
        ).services,
      ).build.key;
    expect(await made('node:20')).not.toBe(await made('node:22'));
  });

  test('declared inputs bound a wide context: only they, the Dockerfile and what is ignored count', async () => {
    const wide = 'run: x, dockerfile: docker/web.Dockerfile, context: ., inputs: [lib]';
    const files = { 'docker/web.Dockerfile': 'FROM x\n', 'lib/a.js': '1', 'api/b.js': '1' };
    const inputs = one((await freeze(shop(wide, files))).services).build.inputs;
    expect(inputs).toEqual(['.dockerignore', 'docker/web.Dockerfile', 'docker/web.Dockerfile.dockerignore', 'lib', 'web']);
    const key = async (more: Files) => one((await freeze(shop(wide, { ...files, ...more }))).services).build.key;
    expect(await key({ 'api/b.js': '2' })).toBe(await key({}));
    expect(await key({ 'lib/a.js': '2' })).not.toBe(await key({}));
  });
});

describe('on a runtime of processes', () => {
  test('keys and ids are what they always were, whatever is said about containers', async () => {
    const plain = one((await freeze(shop('build: npm ci, run: node server.js'), { images: undefined })).services);
    // As the first version wrote them: an installation that is upgraded restarts nothing.
    expect(plain.build.key).toBe('ffef1b51863f5459035b5041c9f7de8a3dcc551b96f40bbcde666bd327c339d8');
    expect(plain.workload.id).toBe('shop-production-web-88dd53ef9c68');
    const said = shop('build: npm ci, run: node server.js, dockerfile: Dockerfile, port: 3000, target: a', {
      Dockerfile: 'FROM x\n',
    });
    const web = one((await freeze(said, { images: undefined })).services);
    expect(web.workload.id).toBe(plain.workload.id);
    expect(web.build.image).toBeUndefined();
    expect(web.workload.port).toBeUndefined();
  });

  test.each([
    ['an image', "image: 'acme/web:1'", /web is an image, .*SIGNALBOX_RUNTIME=process/],
    ['a Dockerfile without a command', 'replicas: 2', /web starts by its Dockerfile alone/],
  ])('%s is refused, with the setting that would run it', async (_, service, message) => {
    await expect(freeze(shop(service, dockerfile), { images: undefined })).rejects.toMatchObject({
      code: 'NEEDS_DOCKER',
      message: expect.stringMatching(message) as string,
    });
  });
});
