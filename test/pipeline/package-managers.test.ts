import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageOf } from '../../src/pipeline/package-managers.ts';
import { findProgram } from '../../src/pipeline/toolchain.ts';
import { app, succeeded, type Workbench, workbench } from './workbench.ts';

describe('the version of a package manager', () => {
  test('is the declared one, without its hash', () => {
    expect(packageOf('pnpm', { declared: 'pnpm@9.1.0+sha512.0a1b' })).toBe('pnpm@9.1.0');
    expect(packageOf('yarn', { declared: 'yarn@1.22.19' })).toBe('yarn@1.22.19');
    expect(packageOf('yarn', { declared: 'yarn@4.1.0' })).toBe('@yarnpkg/cli-dist@4.1.0');
  });

  test('else the one that reads the lock file as it is', () => {
    expect(packageOf('yarn', { lock: '# yarn lockfile v1\n' })).toBe('yarn@1.22');
    expect(packageOf('yarn', { lock: '__metadata:\n  version: 6\n' })).toBe('@yarnpkg/cli-dist@3');
    expect(packageOf('yarn', { lock: '__metadata:\n  version: 8\n' })).toBe('@yarnpkg/cli-dist@4');
    expect(packageOf('pnpm', { lock: 'lockfileVersion: 5.4\n' })).toBe('pnpm@7');
    expect(packageOf('pnpm', { lock: "lockfileVersion: '6.0'\n" })).toBe('pnpm@8');
    expect(packageOf('pnpm', { lock: "lockfileVersion: '9.0'\n" })).toBe('pnpm@9');
    expect(packageOf('yarn', {})).toBe('yarn@1.22');
    expect(packageOf('pnpm', {})).toBe('pnpm@9');
  });

  test('is pnpm 10 where the workspace file holds settings that only it reads', () => {
    const lock = "lockfileVersion: '9.0'\n";
    expect(packageOf('pnpm', { lock, workspace: 'packages: [apps/*]\n' })).toBe('pnpm@9');
    expect(packageOf('pnpm', { lock, workspace: 'onlyBuiltDependencies: [esbuild]\n' })).toBe('pnpm@10');
  });
});

describe('a package manager that is not installed', () => {
  let bench: Workbench;
  let registry: Server;
  beforeEach(async () => {
    bench = workbench();
    registry = await registryOf(bench, { name: 'pnpm', version: '9.4.1', says: 'pnpm stands in' });
  });
  afterEach(async () => {
    await new Promise((resolve) => registry.close(resolve));
    bench.end();
  });

  test('is brought by npm for the build, in the declared version, and found by scripts', async () => {
    const sha = bench.repository.commit({
      'package.json': JSON.stringify({ packageManager: 'pnpm@9.4.1', scripts: { build: 'pnpm install > from-script' } }),
    });
    await bench.send();
    const recipe = await bench.recipe(sha, 'pnpm install > direct && npm run build');
    const builder = await bench.open({ environment: await onlyNpm(bench, registry) });
    succeeded(await builder.build(bench.request(sha, recipe)));
    expect(readFileSync(join(bench.artifact(recipe), 'direct'), 'utf8')).toBe('pnpm stands in: install\n');
    expect(readFileSync(join(bench.artifact(recipe), 'from-script'), 'utf8')).toBe('pnpm stands in: install\n');
  });

  test('and cannot be had fails the build with the words of npm', async () => {
    const sha = bench.repository.commit({ 'package.json': JSON.stringify({ packageManager: 'pnpm@8.0.0' }) });
    await bench.send();
    const recipe = await bench.recipe(sha, 'pnpm install');
    const builder = await bench.open({ environment: await onlyNpm(bench, registry) });
    const result = await builder.build(bench.request(sha, recipe));
    expect(result).toMatchObject({ ok: false, end: 'failed' });
    expect(result.ok ? '' : result.tail.join('\n')).toMatch(/npm install .*'pnpm@8\.0\.0'[\s\S]*notarget|ETARGET/);
    expect(await builder.has(app, recipe)).toBe(false);
  });
});

/** The machine's Node, npm and shell, and no package manager besides. */
async function onlyNpm(bench: Workbench, registry: Server): Promise<Record<string, string>> {
  const from = bench.options.environment;
  const programs = join(bench.folder, 'programs');
  execFileSync('mkdir', ['-p', programs]);
  for (const program of ['node', 'npm', 'sh', 'git', 'nice', 'ionice']) {
    const found = await findProgram(program, from.PATH ?? '');
    if (found !== undefined) execFileSync('ln', ['-s', found, join(programs, program)]);
  }
  return {
    ...from,
    PATH: programs,
    npm_config_registry: `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`,
    npm_config_cache: join(bench.folder, 'npm-cache'),
    npm_config_fetch_retries: '0',
  };
}

/** A registry on loopback with one package, whose program says what it was asked. */
async function registryOf(bench: Workbench, given: { name: string; version: string; says: string }): Promise<Server> {
  const { name, version, says } = given;
  const manifest = { name, version, bin: { [name]: 'program.js' } };
  const files = {
    'package.json': JSON.stringify(manifest),
    'program.js': `#!/usr/bin/env node\nconsole.log('${says}:', process.argv[2])\n`,
  };
  const place = join(bench.folder, 'package');
  execFileSync('mkdir', ['-p', place]);
  for (const [file, text] of Object.entries(files))
    execFileSync('tee', [join(place, file)], { input: text, stdio: ['pipe', 'ignore', 'pipe'] });
  const archive = execFileSync('tar', ['-czf', '-', '-C', bench.folder, 'package']);
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    if (request.url?.endsWith('.tgz') === true) response.end(archive);
    else if (request.url === `/${name}`) {
      const dist = { tarball: `http://127.0.0.1:${port}/${name}.tgz` };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }));
    } else {
      response.statusCode = 404;
      response.end('{}');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
