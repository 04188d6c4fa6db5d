import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/engine/client.ts';
import { base, engineOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
let engine: Engine;

beforeEach((ctx) => {
  engine = engineOrSkip(ctx);
  bench = workbench(engine);
});
afterEach(() => bench?.end());

interface Image {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null; readonly Env: readonly string[] };
}

const inspect = async (name: string): Promise<Image | null> => {
  const answer = await engine.call<Image>('GET', `/images/${encodeURIComponent(name)}/json`);
  return answer.ok ? answer.body : null;
};
const nameAt = (sha: string, service = 'web'): string => `signalbox/${bench.app}-${service}:${sha}`;
const containers = async (): Promise<readonly string[]> => {
  const answer = await engine.call<readonly { Id: string; Command: string }[]>('GET', '/containers/json', {
    query: { all: true },
  });
  return answer.ok ? answer.body.map(({ Command }) => Command) : [];
};

const small = (more = ''): Record<string, string> => ({ Dockerfile: `FROM ${base}\nCOPY . /app\n${more}`, 'a.txt': 'a' });

describe('an image', () => {
  test('is built from the commit, named by its SHA, and found by its labels; its output is told line by line', async () => {
    const sha = await bench.send(small('RUN echo from the build\nENV A=$A\n'));
    const recipe = await bench.recipe(sha);
    const builder = await bench.open();
    expect(await builder.has(bench.app, recipe)).toBe(false);
    const { result, lines } = await run(builder, bench.request(sha, recipe));
    expect(succeeded(result)).toMatchObject({ cached: false });
    expect(lines).toContain('from the build');
    expect(readFileSync(join(bench.folder, 'logs', bench.app, 'builds', `${recipe.key}.log`), 'utf8')).toContain(
      'from the build',
    );
    expect(await builder.has(bench.app, recipe)).toBe(true);
    const image = await inspect(nameAt(sha));
    expect(image?.Config.Labels).toMatchObject({
      'signalbox.installation': bench.homeId,
      'signalbox.app': bench.app,
      'signalbox.service': 'web',
      'signalbox.key': recipe.key,
    });
    expect(readdirSync(bench.incoming)).toEqual([]);
  });

  test('of the same key is not built again: it gets the name of the new SHA, and of another service', async () => {
    const sha = await bench.send(small());
    const builder = await bench.open();
    succeeded((await run(builder, bench.request(sha, await bench.recipe(sha)))).result);
    const later = await bench.send({});
    expect(later).not.toBe(sha);
    const recipe = await bench.recipe(later);
    expect(succeeded((await run(builder, bench.request(later, recipe))).result).cached).toBe(true);
    expect(succeeded((await run(builder, bench.request(later, recipe, 'worker'))).result).cached).toBe(true);
    const ids = await Promise.all(
      [nameAt(sha), nameAt(later), nameAt(later, 'worker')].map(async (name) => (await inspect(name))?.Id),
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^sha256:/);
  });

  test('takes build variables, a stage, a Dockerfile beside its context, and leaves out what is ignored', async () => {
    const sha = await bench.send({
      'docker/web.Dockerfile': `FROM ${base} AS first\nARG GREETING\nCOPY . /app\nRUN echo "$GREETING" > /greeting && ls -A /app > /listed\nFROM first AS second\nRUN false\n`,
      'docker/secret': 'x',
      'web/a.txt': 'a',
      'web/left.out': 'b',
      'web/.dockerignore': '*.out\n',
    });
    const recipe = await bench.recipe(sha, {
      dockerfile: { path: 'docker/web.Dockerfile' },
      context: 'web',
      target: 'first',
      env: { GREETING: 'hello' },
    });
    const { result } = await run(await bench.open(), bench.request(sha, recipe));
    succeeded(result);
    const made = await engine.call<{ Id: string }>('POST', '/containers/create', {
      body: { Image: nameAt(sha), Cmd: ['sh', '-c', 'cat /greeting /listed'], Tty: true },
    });
    const id = made.ok ? made.body.Id : '';
    await engine.call('POST', `/containers/${id}/start`);
    await engine.call('POST', `/containers/${id}/wait`);
    const logs = await engine.stream('GET', `/containers/${id}/logs`, { query: { stdout: true } });
    let text = '';
    for await (const piece of logs) text += String(piece);
    await engine.call('DELETE', `/containers/${id}`, { query: { force: true } });
    expect(text.replaceAll('\r', '').trim().split('\n')).toEqual(['hello', 'a.txt']);
  });

  test('is made from text when the repository has no Dockerfile, and the text is not in it', async () => {
    const sha = await bench.send({ 'a.txt': 'a' });
    const text = `FROM ${base}\nCOPY . /app\nRUN test "$(ls -A /app)" = a.txt\n`;
    const recipe = await bench.recipe(sha, { dockerfile: { text } });
    succeeded((await run(await bench.open(), bench.request(sha, recipe))).result);
  });

  test('is built once for all who ask for it at the same time', async () => {
    const sha = await bench.send(small('RUN echo built once\n'));
    const recipe = await bench.recipe(sha);
    const builder = await bench.open();
    const both = await Promise.all([
      run(builder, bench.request(sha, recipe)),
      run(builder, bench.request(sha, recipe, 'worker')),
    ]);
    for (const { result } of both) expect(succeeded(result).cached).toBe(false);
    expect((await inspect(nameAt(sha, 'worker')))?.Id).toBe((await inspect(nameAt(sha)))?.Id);
  });
});

describe('a build that fails says why, and leaves no image', () => {
  const failure = async (files: Readonly<Record<string, string>>, image: Parameters<Workbench['recipe']>[1] = {}) => {
    const sha = await bench.send(files);
    const recipe = await bench.recipe(sha, image);
    const builder = await bench.open({ maxContextBytes: 1024 * 1024 });
    const { result } = await run(builder, bench.request(sha, recipe));
    if (result.ok) throw new Error('a failure was expected');
    expect(await builder.has(bench.app, recipe)).toBe(false);
    expect(await inspect(nameAt(sha))).toBeNull();
    expect(readdirSync(bench.incoming)).toEqual([]);
    return result;
  };

  test('a command that fails, with its exit code and last lines', async () => {
    const result = await failure(small('RUN echo the reason; exit 7\n'));
    expect(result).toMatchObject({ end: 'failed', exitCode: 7, because: { code: 'BUILD_FAILED' } });
    expect(result.because?.message).toContain('exit 7');
    expect(result.tail.join('\n')).toContain('the reason');
  });

  test('a mistake in the Dockerfile, with its line', async () => {
    const result = await failure({ Dockerfile: `FROM ${base}\nRUNN true\n` });
    expect(result.because?.message).toMatch(/Dockerfile has a mistake: .*line 2: unknown instruction: RUNN/);
  });

  test('a base image that cannot be had', async () => {
    const result = await failure({ Dockerfile: 'FROM 127.0.0.1:1/nobody/has:this\n' });
    expect(result.because).toMatchObject({ code: 'IMAGE_MISSING' });
    expect(result.because?.message).toContain('its base image cannot be had');
  });

  test('a copy from outside the context', async () => {
    const result = await failure(
      { 'web/Dockerfile': `FROM ${base}\nCOPY ../secret /\n`, secret: 'x' },
      { context: 'web', dockerfile: { path: 'web/Dockerfile' } },
    );
    expect(result.because?.message).toMatch(/copies from outside its context.*context: \./);
  });

  test('a stage that is not there', async () => {
    expect((await failure(small(), { target: 'nowhere' })).because?.message).toMatch(/has a mistake: .*nowhere/);
  });

  test('a context that is larger than allowed, with its largest parts', async () => {
    const result = await failure({ ...small(), 'data/big.bin': 'x'.repeat(1_500_000) });
    expect(result.because?.message).toMatch(/context \. has 2 MiB; at most 1 MiB is sent\. Largest: data\/big\.bin 2 MiB/);
  });

  test('a context that is a link out of the source', async () => {
    bench.repository.git('config', 'core.symlinks', 'true');
    const { symlinkSync } = await import('node:fs');
    symlinkSync('/etc', join(bench.repository.folder, 'web'));
    const result = await failure({ Dockerfile: `FROM ${base}\nCOPY . /x\n` }, { context: 'web' });
    expect(result.because?.message).toMatch(/no folder web|leads out of the source/);
    symlinkSync('/usr', join(bench.repository.folder, 'outer'));
    const below = await failure({ Dockerfile: `FROM ${base}\nCOPY . /x\n` }, { context: 'outer/share' });
    expect(below.because?.message).toContain('outer/share leads out of the source by a link');
  });
});

test('links that lead out of the context bring nothing of this machine into an image', async () => {
  const { symlinkSync } = await import('node:fs');
  symlinkSync('/etc/hostname', join(bench.repository.folder, 'link'));
  const sha = await bench.send({ Dockerfile: `FROM ${base}\nCOPY . /app\nRUN test -L /app/link\nCOPY link /copied\n` });
  const { result } = await run(await bench.open(), bench.request(sha, await bench.recipe(sha)));
  expect(result.ok).toBe(false);
  expect(result.ok ? '' : result.because?.message).toContain('COPY failed');
});

describe('a build is ended', () => {
  const endless = async () => {
    const marker = `sleep 9${Math.floor(Math.random() * 1e6)}`;
    const sha = await bench.send(small(`RUN echo under way; ${marker}\n`));
    return { sha, marker, recipe: await bench.recipe(sha) };
  };
  const runsIn = async (marker: string) => (await containers()).some((command) => command.includes(marker));

  test('when it is cancelled: what ran in it is gone, and nothing is left', async () => {
    const { sha, marker, recipe } = await endless();
    const builder = await bench.open();
    const control = new AbortController();
    const result = await builder.build({
      ...bench.request(sha, recipe),
      signal: control.signal,
      onLine: (line) => line === 'under way' && control.abort(),
    });
    expect(result).toMatchObject({ ok: false, end: 'cancelled' });
    expect(await runsIn(marker)).toBe(false);
    expect(readdirSync(bench.incoming)).toEqual([]);
    expect(await builder.has(bench.app, recipe)).toBe(false);
  });

  test('when it takes longer than the limit', async () => {
    const { sha, marker, recipe } = await endless();
    const { result } = await run(await bench.open({ timeLimit: 5000 }), bench.request(sha, recipe));
    expect(result).toMatchObject({ ok: false, end: 'timed-out' });
    expect(result.ok ? [] : result.tail.at(-1)).toContain('longer than 5 s');
    expect(await runsIn(marker)).toBe(false);
  });

  test('when the disk of the engine is filling up', async () => {
    const { sha, recipe } = await endless();
    const { result } = await run(await bench.open({ minFreeBytes: Number.MAX_SAFE_INTEGER }), bench.request(sha, recipe));
    expect(result).toMatchObject({ ok: false, end: 'no-space' });
  });

  test('by a full disk inside of it: that is no fault of the Dockerfile', async () => {
    const sha = await bench.send(small('RUN echo "write error: No space left on device" >&2; exit 1\n'));
    const { result } = await run(await bench.open(), bench.request(sha, await bench.recipe(sha)));
    expect(result).toMatchObject({ ok: false, end: 'no-space' });
  });
});

test('processes that a build forks without end are bounded, and the machine goes on', async (ctx) => {
  if (process.getuid?.() !== 0 || !existsSync('/sys/fs/cgroup')) ctx.skip('control groups can only be made by root');
  const sha = await bench.send(
    small('RUN i=0; while [ $i -lt 6000 ]; do sleep 60 & i=$((i+1)); done; echo all of them were started\n'),
  );
  const { result, lines } = await run(await bench.open({ timeLimit: 60_000 }), bench.request(sha, await bench.recipe(sha)));
  expect(result.ok).toBe(false);
  expect(lines.join('\n')).toMatch(/fork/i);
  expect(lines).not.toContain('all of them were started');
  const left = readdirSync('/sys/fs/cgroup').flatMap((name) => {
    const group = join('/sys/fs/cgroup', name, `signalbox-builds-${bench.homeId}`);
    return existsSync(group) ? [group] : [];
  });
  expect(left).toEqual([]);
}, 90_000);
