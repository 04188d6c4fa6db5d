import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BuildRecipe } from '../../src/domain/release.ts';
import { marked, markVariable } from '../../src/pipeline/processes.ts';
import { app, eventually, succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = workbench();
});
afterEach(() => bench.end());

const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
const isGone = (folder: string): boolean => !existsSync(folder);

describe('a build that succeeds', () => {
  test('leaves files that all can read and nobody can write, and a marker', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x', 'run.sh': '#!/bin/sh\n' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'umask 077; mkdir out; cat in.txt > out/page; chmod +x run.sh; echo made');
    const builder = await bench.open();
    expect(await builder.has(app, recipe)).toBe(false);
    const lines: string[] = [];
    const result = succeeded(await builder.build({ ...bench.request(sha, recipe), onLine: (line) => lines.push(line) }));
    expect(result.cached).toBe(false);
    const folder = bench.artifact(recipe);
    expect(statSync(join(folder, 'out/page')).mode & 0o777).toBe(0o444);
    expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, 'run.sh')).mode & 0o777).toBe(0o555);
    expect(JSON.parse(readFileSync(join(folder, '.signalbox-artifact.json'), 'utf8'))).toMatchObject({
      key: recipe.key,
      sha,
      bytes: result.bytes,
    });
    expect(await builder.has(app, recipe)).toBe(true);
    expect(lines).toContain('made');
    expect(readFileSync(bench.log(recipe), 'utf8')).toContain('made\n');
  });

  test('is never built again, also after a restart', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const counter = join(bench.folder, 'counter');
    const recipe = await bench.recipe(sha, `echo x >> ${counter}`);
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    const again = succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(again.cached).toBe(true);
    expect(readFileSync(counter, 'utf8')).toBe('x\n');
  });

  test('runs once for all who ask for it at the same time', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const counter = join(bench.folder, 'counter');
    const recipe = await bench.recipe(sha, `echo x >> ${counter}; sleep 0.3`);
    const builder = await bench.open();
    const results = await Promise.all([1, 2, 3].map(() => builder.build(bench.request(sha, recipe))));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(readFileSync(counter, 'utf8')).toBe('x\n');
  });

  test('runs alone: another one waits until it has ended', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const log = join(bench.folder, 'order');
    const builder = await bench.open();
    const builds = ['a', 'b', 'c'].map(async (name) => {
      const recipe = await bench.recipe(sha, `echo ${name} >> ${log}; sleep 0.3; echo ${name} >> ${log}`);
      return builder.build(bench.request(sha, recipe));
    });
    for (const result of await Promise.all(builds)) succeeded(result);
    expect(readFileSync(log, 'utf8').replaceAll('\n', '')).toMatch(/^(?:aa|bb|cc){3}$/);
  });

  test('has a temporary folder that nobody can have put there before', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'echo $TMPDIR > tmp.txt; stat -c %a $TMPDIR >> tmp.txt; touch $TMPDIR/mine');
    const builder = await bench.open();
    const installation = createHash('sha256').update(join(bench.folder, 'artifacts')).digest('hex').slice(0, 16);
    const trap = join(bench.folder, 'trap');
    mkdirSync(trap);
    const expected = join(tmpdir(), `sbx-${installation}-${recipe.key.slice(0, 12)}`);
    symlinkSync(trap, expected);
    try {
      succeeded(await builder.build(bench.request(sha, recipe)));
    } finally {
      rmSync(expected, { force: true });
    }
    const [folder = '', mode] = readFileSync(join(bench.artifact(recipe), 'tmp.txt'), 'utf8').split('\n');
    expect(folder.startsWith(expected.slice(0, -12))).toBe(true);
    expect(folder.startsWith(expected)).toBe(false);
    expect(mode).toBe('700');
    expect(readdirSync(trap)).toEqual([]);
  });

  test('is niced, has no NODE_ENV and no secret of the operator, and a temporary folder that is gone afterwards', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'nice; env > env.txt; touch $TMPDIR/rest; echo $TMPDIR > tmp.txt', {
      env: { MODE: 'site' },
    });
    const environment = {
      ...bench.options.environment,
      NODE_ENV: 'production',
      SIGNALBOX_TOKEN: 'secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
      GIT_DIR: '/x',
      PATH: `/a/node_modules/.bin:${bench.options.environment.PATH}`,
    };
    const lines: string[] = [];
    succeeded(
      await (await bench.open({ environment })).build({ ...bench.request(sha, recipe), onLine: (line) => lines.push(line) }),
    );
    expect(lines.some((line) => Number(line) >= 10)).toBe(true);
    const seen = readFileSync(join(bench.artifact(recipe), 'env.txt'), 'utf8');
    for (const name of ['NODE_ENV', 'SIGNALBOX_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'GIT_DIR', 'node_modules/.bin'])
      expect(seen).not.toContain(name);
    for (const entry of ['CI=1', 'MODE=site', 'NEXT_TELEMETRY_DISABLED=1', 'HOME=']) expect(seen).toContain(entry);
    expect(existsSync(readFileSync(join(bench.artifact(recipe), 'tmp.txt'), 'utf8').trim())).toBe(false);
  });

  test('sees only its inputs and runs in its folder', async () => {
    const sha = bench.repository.commit({ 'web/a': '1', 'shared/b': '2', 'other/c': '3' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'ls .. > seen; cat a ../shared/b', { path: 'web', inputs: ['web', 'shared'] });
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(readFileSync(join(bench.artifact(recipe), 'web/seen'), 'utf8')).toBe('shared\nweb\n');
  });

  test('without a command is a checkout', async () => {
    const sha = bench.repository.commit({ 'site/index.html': 'hi' }) && (await bench.send());
    const recipe = await bench.recipe(sha, undefined, { inputs: ['site'], path: 'site' });
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(readFileSync(join(bench.artifact(recipe), 'site/index.html'), 'utf8')).toBe('hi');
  });

  test('leaves a store that it linked files from writable', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const store = join(bench.folder, 'store');
    writeFileSync(store, 'content', { mode: 0o644 });
    linkSync(store, join(bench.folder, 'second-link'));
    const recipe = await bench.recipe(sha, `ln ${store} linked`);
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(statSync(store).mode & 0o777).toBe(0o644);
    expect(statSync(join(bench.artifact(recipe), 'linked')).mode & 0o777).toBe(0o444);
  });

  test('ends what it put into the background, sessions of their own included', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(
      sha,
      "sleep 300 & echo $! > group; setsid sh -c 'echo $$ > own; exec sleep 300' & while [ ! -s own ]; do sleep 0.05; done",
    );
    const before = performance.now();
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(performance.now() - before).toBeLessThan(20_000);
    for (const name of ['group', 'own'])
      expect(alive(Number(readFileSync(join(bench.artifact(recipe), name), 'utf8'))), name).toBe(false);
  });
});

describe('a build that does not succeed leaves nothing behind', () => {
  test('when it fails; its last lines tell why, and the next try builds anew', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const flag = join(bench.folder, 'flag');
    const recipe = await bench.recipe(sha, `echo first; test -e ${flag} || { echo the reason >&2; exit 3; }`);
    const builder = await bench.open();
    const result = await builder.build(bench.request(sha, recipe));
    expect(result).toMatchObject({ ok: false, end: 'failed', exitCode: 3 });
    expect(!result.ok && result.tail).toContain('the reason');
    expect(isGone(bench.artifact(recipe))).toBe(true);
    writeFileSync(flag, '');
    succeeded(await builder.build(bench.request(sha, recipe)));
  });

  test('when it takes too long', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const pidFile = join(bench.folder, 'pid');
    const recipe = await bench.recipe(sha, `sleep 300 & echo $! > ${pidFile}; wait`);
    const builder = await bench.open({ timeLimit: 700 });
    expect(await builder.build(bench.request(sha, recipe))).toMatchObject({ ok: false, end: 'timed-out' });
    expect(alive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
    expect(isGone(bench.artifact(recipe))).toBe(true);
  });

  test('when everybody who waited for it cancels, and not before', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const pidFile = join(bench.folder, 'pid');
    const recipe = await bench.recipe(sha, `echo $$ > ${pidFile}; exec sleep 300`);
    const builder = await bench.open();
    const [first, second] = [new AbortController(), new AbortController()];
    const results = [first, second].map((abort) => builder.build({ ...bench.request(sha, recipe), signal: abort.signal }));
    await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    first.abort();
    expect(await results[0]).toMatchObject({ ok: false, end: 'cancelled' });
    expect(alive(pid)).toBe(true);
    second.abort();
    expect(await results[1]).toMatchObject({ ok: false, end: 'cancelled' });
    expect(alive(pid)).toBe(false);
    expect(isGone(bench.artifact(recipe))).toBe(true);
  });

  test('when it is cancelled while another build runs: at once, and it never starts', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const go = join(bench.folder, 'go');
    const slow = await bench.recipe(sha, `while [ ! -e ${go} ]; do sleep 0.05; done`);
    const never = await bench.recipe(sha, `touch ${join(bench.folder, 'started')}`);
    const builder = await bench.open();
    const running = builder.build(bench.request(sha, slow));
    const abort = new AbortController();
    const queued = builder.build({ ...bench.request(sha, never), signal: abort.signal });
    abort.abort();
    expect(await queued).toMatchObject({ ok: false, end: 'cancelled' });
    writeFileSync(go, '');
    succeeded(await running);
    expect(existsSync(join(bench.folder, 'started'))).toBe(false);
  });

  test('when the disk is full, which is said', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'echo "tar: write error: No space left on device"; exit 1');
    expect(await (await bench.open()).build(bench.request(sha, recipe))).toMatchObject({ ok: false, end: 'no-space' });
    const other = await bench.recipe(sha, 'true');
    const result = await (await bench.open({ minFreeBytes: Number.MAX_SAFE_INTEGER })).build(bench.request(sha, other));
    expect(result).toMatchObject({ ok: false, end: 'no-space', tail: ['The disk is full.'] });
    expect(isGone(bench.artifact(other))).toBe(true);
  });

  test('when its folder is not in the source', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'true', { path: 'nowhere' });
    expect(await (await bench.open()).build(bench.request(sha, recipe))).toMatchObject({
      ok: false,
      end: 'failed',
      tail: ['The source has no folder nowhere.'],
    });
  });

  test('when it was cut off by a crash: the next start removes its folder and ends its processes', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'sleep 60; true');
    const builder = await bench.open();
    const abort = new AbortController();
    const building = builder.build({ ...bench.request(sha, recipe), signal: abort.signal });
    const processes = async (): Promise<string | undefined> => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const entry = await import('node:fs/promises').then((fs) =>
          fs.readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
        );
        const mark = entry.split('\0').find((text) => text.startsWith(`${markVariable}=`) && text.endsWith(recipe.key));
        if (mark !== undefined) return mark.slice(markVariable.length + 1);
      }
      return undefined;
    };
    await eventually(async () => (await processes()) !== undefined);
    const mark = (await processes()) ?? '';
    // What a killed control plane leaves: a half folder and a process that goes on.
    const orphan = spawn('sleep', ['300'], {
      env: { PATH: bench.options.environment.PATH, [markVariable]: mark },
      detached: true,
      stdio: 'ignore',
    });
    orphan.unref();
    abort.abort();
    await building;
    const half = join(bench.options.artifacts, app, 'c'.repeat(64));
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, '.signalbox-artifact.json'), JSON.stringify({ key: 'other', bytes: 1, builtAt: 1 }));
    const second = spawn('sleep', ['300'], {
      env: { PATH: bench.options.environment.PATH, [markVariable]: mark },
      detached: true,
      stdio: 'ignore',
    });
    second.unref();
    await eventually(async () => (await marked({ value: mark })).includes(second.pid ?? 0));
    await bench.open();
    expect(isGone(half)).toBe(true);
    // A killed process is gone when the system gets round to it.
    for (const pid of [orphan.pid, second.pid]) await eventually(() => Promise.resolve(!alive(pid ?? 0)));
  });
});

describe('what a build may not do', () => {
  test('fill the disk or the memory with its output', async () => {
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'head -c 30000000 /dev/zero | tr "\\0" x | fold -w 1000; echo the end');
    succeeded(await (await bench.open()).build(bench.request(sha, recipe)));
    expect(statSync(bench.log(recipe)).size).toBeLessThan(5 * 1024 * 1024);
    expect(readFileSync(bench.log(recipe), 'utf8')).toMatch(/lines left out[\s\S]*the end/);
  });

  test('name an artifact outside its place', async () => {
    const builder = await bench.open();
    const recipe = { key: '../../x' as never, path: '.', inputs: ['.'], env: {} };
    await expect(builder.build(bench.request('a'.repeat(40), recipe))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

test('pruning takes the oldest first, by count and by bytes, and never what is kept', async () => {
  let now = 1_000_000;
  const builder = await bench.open({ clock: { now: () => 0 as never, wall: () => (now += 1000) as never } });
  const recipes: BuildRecipe[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const sha = bench.repository.commit({ [`${name}.txt`]: 'x'.repeat(1000) }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'true', { inputs: [`${name}.txt`] });
    succeeded(await builder.build(bench.request(sha, recipe)));
    recipes.push(recipe);
  }
  const there = async () => Promise.all(recipes.map((recipe) => builder.has(app, recipe)));
  expect(await builder.prune(new Set(recipes.map((recipe) => recipe.key)), { count: 0, bytes: 0 })).toBe(0);
  expect(await builder.prune(new Set([recipes[0]?.key ?? '']), { count: 3, bytes: 10 ** 9 })).toBe(1000);
  expect(await there()).toEqual([true, false, true, true]);
  expect(await builder.prune(new Set(), { count: 10, bytes: 2000 })).toBe(1000);
  expect(await there()).toEqual([false, false, true, true]);
  expect(existsSync(bench.log(recipes[0] ?? (undefined as never)))).toBe(false);
});
