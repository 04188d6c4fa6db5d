import { describe, expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { resolveEnvironment } from '../../src/domain/environment.ts';
import type { SecretSummary } from '../../src/domain/secrets.ts';
import type { EnvironmentName, WallTime } from '../../src/domain/values.ts';
import { canonicalJson } from '../../src/pipeline/canonical-json.ts';
import { freezeRelease } from '../../src/pipeline/freeze.ts';
import { buildInputs } from '../../src/pipeline/inputs.ts';
import { memoryReader } from '../config/memory-reader.ts';

const yaml = `app: shop
services:
  web: { path: web, build: npm ci, run: npm start, route: /, env: { A: '1' } }
  api: { path: api, build: npm ci, run: npm start, route: /api, release: { run: migrate, inputs: [db] } }
environments: { staging: { hosts: { web: s.test } } }
`;
const load = async (text = yaml) => (await loadAppSpec(memoryReader({ 'signalbox.yaml': text, 'web/a': '', 'api/a': '' }))).spec;
const facts = {
  inputs: { web: ['web'], api: ['api'] },
  trees: { web: 'w1', api: 'a1', 'api/db': 'd1' },
  toolchains: { node: 'v20', npm: '10' },
};
async function freeze(
  change: Partial<typeof facts> & { readonly secrets?: readonly SecretSummary[] } = {},
  text = yaml,
  environment = 'production',
) {
  const services = freezeRelease(resolveEnvironment(await load(text), environment as EnvironmentName), { ...facts, ...change });
  const [web, api] = services;
  if (web === undefined || api === undefined) throw new Error('two services were expected');
  return { web, api };
}

describe('a release', () => {
  test('has the same ids for the same content, whatever its order was', async () => {
    expect(await freeze()).toEqual(await freeze({ trees: { 'api/db': 'd1', api: 'a1', web: 'w1' } }));
    expect(canonicalJson({ b: 1, a: [{ d: undefined, c: 2 }] })).toBe('{"a":[{"c":2}],"b":1}');
    expect((await freeze()).web.workload.id).toMatch(/^shop-production-web-[0-9a-f]{12}$/);
  });

  test('changes only the service whose inputs changed', async () => {
    const [before, after] = [await freeze(), await freeze({ trees: { ...facts.trees, api: 'a2' } })];
    expect(after.web.workload.id).toBe(before.web.workload.id);
    expect(after.api.workload.id).not.toBe(before.api.workload.id);
    expect(after.api.build.key).not.toBe(before.api.build.key);
    expect(after.api.releaseCommand?.inputsHash).toBe(before.api.releaseCommand?.inputsHash);
  });

  test('a new version of a secret changes the workload that names it, and no other', async () => {
    const text = yaml.replace("A: '1' }", "A: '1' }, secrets: { KEY: TOKEN }");
    const secrets = (version: number) => ({
      secrets: [{ name: 'TOKEN', versions: [{ version, createdAt: 0 as WallTime, bytes: 1, variable: true }] }],
    });
    const [before, after] = [await freeze(secrets(1), text), await freeze(secrets(2), text)];
    expect(before.web.workload.secrets).toEqual({ KEY: { name: 'TOKEN', version: 1 } });
    expect(after.web.workload.id).not.toBe(before.web.workload.id);
    expect(after.web.build.key).toBe(before.web.build.key);
    expect(after.api.workload).toEqual(before.api.workload);
    expect(after.api.workload.id).toBe((await freeze()).api.workload.id);
  });

  test('is refused without a secret that a service names, and with one that is no text', async () => {
    const text = yaml.replace("A: '1' }", "A: '1' }, secrets: [TOKEN]");
    await expect(freeze({}, text)).rejects.toMatchObject({
      code: 'SECRET_MISSING',
      hint: 'Set it: signalbox secrets set TOKEN --app shop --env production',
    });
    const binary = [{ name: 'TOKEN', versions: [{ version: 1, createdAt: 0 as WallTime, bytes: 1, variable: false }] }];
    await expect(freeze({ secrets: binary }, text)).rejects.toMatchObject({ code: 'SECRET_REFUSED' });
  });

  test('needs its release command again when the inputs of that changed', async () => {
    const [before, after] = [await freeze(), await freeze({ trees: { ...facts.trees, 'api/db': 'd2' } })];
    expect(after.api.releaseCommand?.inputsHash).not.toBe(before.api.releaseCommand?.inputsHash);
  });

  test('is built anew by another toolchain, command or build variable, and not by a run-time variable', async () => {
    const key = (await freeze()).web.build.key;
    expect((await freeze({ toolchains: { node: 'v22', npm: '10' } })).web.build.key).not.toBe(key);
    expect((await freeze({}, yaml.replace('build: npm ci', 'build: npm install'))).web.build.key).not.toBe(key);
    expect((await freeze({}, yaml.replace("env: { A: '1' }", "buildEnv: { A: '1' }"))).web.build.key).not.toBe(key);
    const other = (await freeze({}, yaml.replace("A: '1'", "A: '2'"))).web;
    expect(other.build.key).toBe(key);
    expect(other.workload.id).not.toBe((await freeze()).web.workload.id);
  });

  test('keeps its workloads when only replicas or routes change, and shares artifacts over environments', async () => {
    const before = await freeze();
    const after = await freeze({}, yaml.replace('route: /,', 'replicas: 3, route: { path: /, host: other.test },'));
    expect(after.web.workload.id).toBe(before.web.workload.id);
    expect(after.web.replicas).toBe(3);
    const staging = await freeze({}, yaml, 'staging');
    expect(staging.web.build.key).toBe(before.web.build.key);
    expect(staging.web.workload.id).not.toBe(before.web.workload.id);
  });
});

describe('what belongs to a build', () => {
  const inputsOf = async (files: Record<string, string>, more = '') => {
    const { spec } = await loadAppSpec(
      memoryReader({
        ...files,
        'signalbox.yaml': `services:\n  web: { path: apps/web, build: npm ci, run: npm start, route: /${more} }\n`,
      }),
    );
    const [service] = Object.values(spec.services);
    if (service === undefined) throw new Error('a service was expected');
    return buildInputs(service, memoryReader(files));
  };
  const pathsOf = async (...given: Parameters<typeof inputsOf>) => (await inputsOf(...given)).paths;
  const own = {
    'apps/web/package.json': '{"name":"web","dependencies":{"ui":"*"}}',
    'apps/web/src/a.ts': "import './b'; import '../c';",
    'README.md': '',
    'other/x.js': '',
  };
  const workspace = {
    ...own,
    'package.json': '{"workspaces":["apps/*","packages/*"]}',
    'package-lock.json': '{}',
    'packages/ui/package.json': '{"name":"ui","dependencies":{"base":"*"}}',
    'packages/base/package.json': '{"name":"base"}',
    'packages/rest/package.json': '{"name":"rest"}',
    'packages/rest/a.js': '',
  };

  test('is the folder alone when nothing in it points outside', async () => {
    expect(await pathsOf(own)).toEqual(['apps/web']);
  });

  test('in a workspace: the packages it needs, the manifests of the others and the files at the root', async () => {
    expect(await pathsOf(workspace)).toEqual([
      'README.md',
      'apps/web',
      'package-lock.json',
      'package.json',
      'packages/base',
      'packages/rest/package.json',
      'packages/ui',
    ]);
  });

  test.each([
    ['an import', { 'apps/web/src/a.ts': "import x from '../../../shared/x';" }],
    ['a setting', { 'apps/web/tsconfig.json': '{ "extends": "../../tsconfig.base.json" }' }],
    ['a dependency', { 'apps/web/package.json': '{"dependencies":{"x":"file:../../x"}}' }],
    ['steps of a path function', { 'apps/web/a.js': "path.join(__dirname, '..', '..', 'shared')" }],
  ])('is the whole repository when %s points outside', async (_, files) => {
    expect(await pathsOf({ ...own, ...files })).toEqual(['.']);
  });

  test('is the whole repository when a command works beyond its folder', async () => {
    const files = own;
    const { spec } = await loadAppSpec(
      memoryReader({
        ...files,
        'signalbox.yaml': 'services:\n  web: { path: apps/web, build: cd ../.. && make, run: x, route: / }\n',
      }),
    );
    expect(await buildInputs(Object.values(spec.services)[0] ?? (undefined as never), memoryReader(files))).toEqual({
      paths: ['.'],
      whole: 'its command "cd ../.. && make" works beyond its folder (..)',
    });
  });

  test('says which file led to the whole repository', async () => {
    const found = await inputsOf({ ...own, 'apps/web/src/a.ts': "import x from '../../../shared/x';" });
    expect(found.whole).toBe('apps/web/src/a.ts names ../../../shared/x');
  });

  test.each([
    [
      'a path that is nobody’s',
      { 'apps/web/test/attack.test.ts': "expect(get('../../../etc/passwd')).toBe(404); read('../../..');" },
    ],
    ['a file that it reads', { 'apps/web/src/a.spec.ts': "readFileSync('../../../shared/x.json')", 'shared/x.json': '' }],
    ['an import of what is not there', { 'apps/web/src/__tests__/a.js': "vi.mock('../../../../shared/x')" }],
  ])('does not grow by what a test names: %s', async (_, files) => {
    expect(await inputsOf({ ...own, ...files })).toEqual({ paths: ['apps/web'] });
  });

  test.each([
    [
      'it imports what is there, which a compiler of everything needs',
      { 'apps/web/test/a.test.ts': "import x from '../../../shared/x.js';", 'shared/x.ts': '' },
    ],
    [
      'the build runs the tests',
      {
        'apps/web/package.json': '{"name":"web","scripts":{"build":"vitest run && tsc"}}',
        'apps/web/test/a.test.ts': "readFileSync('../../../shared/x.json')",
      },
    ],
  ])('grows by a test where %s', async (_, files) => {
    expect((await inputsOf({ ...own, ...files })).paths).toEqual(['.']);
  });

  test('is what the file says, with the folder itself', async () => {
    expect(await pathsOf(own, ', inputs: [shared, apps/web/src]')).toEqual(['apps/web', 'shared']);
  });
});
