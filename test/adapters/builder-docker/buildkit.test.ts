import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { explainFailure } from '../../../src/adapters/builder/docker/explain.ts';
import { kitNeeds } from '../../../src/adapters/builder/docker/needs-buildkit.ts';
import { base, engineOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

describe('BuildKit is needed', () => {
  test.each([
    ['FROM a\nRUN --mount=type=cache,target=/x true\n', 'RUN --mount'],
    ['FROM a\nRUN \\\n  # why\n  --network=none \\\n  --mount=type=bind,from=b,target=/x true\n', 'RUN --network'],
    ['FROM a\ncopy --chown=1:1 --link x /x\n', 'COPY --link'],
    ['FROM a\nRUN <<EOF\ntrue\nEOF\n', 'a here-document'],
    ['FROM a\nCOPY <<"EOF" /x\ntext\nEOF\n', 'a here-document'],
    ['FROM --platform=$BUILDPLATFORM a\n', 'BUILDPLATFORM'],
    ['FROM a\nARG TARGETARCH\n', 'TARGETARCH'],
  ])('by %j', (text, why) => {
    expect(kitNeeds(text, {})?.why).toBe(why);
  });

  test.each([
    '# syntax=docker/dockerfile:1\nFROM a\n',
    'FROM a\n# RUN --mount=type=cache,target=/x true\n',
    'FROM a\nRUN tool --mount=x --link\n',
    'FROM a\nRUN test $((1<<4)) = 16 && cat <<< x\n',
    'FROM a\nCOPY --from=build --chown=1:1 /a /b\n',
  ])('not by %j', (text) => {
    expect(kitNeeds(text, {})).toBeUndefined();
  });

  test('and what it starts from is fetched before, as far as the file tells', () => {
    const text = `# syntax=docker/dockerfile:1
ARG BASE=node
ARG VERSION
FROM \${BASE}:\${VERSION:-20} AS build
RUN --mount=type=bind,from=tools:2,target=/t true
FROM build AS next
COPY --from=build /a /b
COPY --from=0 /a /b
FROM $UNKNOWN
FROM scratch
`;
    expect(kitNeeds(text, { BASE: 'mine' })?.images).toEqual(['docker/dockerfile:1', 'mine:20', 'tools:2']);
  });
});

test.each([
  ['dockerfile parse error line 2: unknown flag: link', 'BUILD_FAILED', 'needs a newer BuildKit than this engine has'],
  [
    'failed to solve with frontend dockerfile.v0: failed to solve with frontend gateway.v0: no active sessions',
    'IMAGE_MISSING',
    'an image that Dockerfile names cannot be had',
  ],
])('%s is explained', (message, code, text) => {
  const because = explainFailure(message, { service: 'web', dockerfile: 'Dockerfile', step: null });
  expect(because.code).toBe(code);
  expect(because.message).toContain(text);
});

test.each([
  ['the Dockerfile made for it', '`buildEnv: { BUILD_BASE: … }` of the service names one that has'],
  ['web/Dockerfile', 'Build in a base that has one'],
])('a package that has to be compiled where no compiler is, is explained: %s', (dockerfile, text) => {
  const tail = ['npm error gyp ERR! find Python - "" could not be run', 'npm error gyp ERR! not ok'];
  const because = explainFailure('The command returned a non-zero code: 1', {
    service: 'web',
    dockerfile,
    step: 'RUN npm ci',
    tail,
  });
  expect(because.message).toContain('has no compiler');
  expect(because.message).toContain(text);
});

describe('on an engine', () => {
  let bench: Workbench;
  beforeEach((ctx) => {
    bench = workbench(engineOrSkip(ctx));
  });
  afterEach(() => bench?.end());

  test('a Dockerfile with mounts is built, with its output, its labels and its key', async () => {
    const mark = randomBytes(4).toString('hex');
    const sha = await bench.send({
      Dockerfile: `FROM ${base} AS build
ARG WORD
RUN --mount=type=cache,target=/var/cache/${mark} --mount=type=bind,target=/source \\
    test "$WORD" = sesame && cat /source/text.txt && echo "to the error output" >&2 && printf 'no end of line'
FROM ${base}
COPY --from=build --chmod=640 /etc/hostname /name
CMD ["sleep", "1"]
`,
      'text.txt': 'what the bind mount shows\n',
      'ignored.txt': '',
      '.dockerignore': 'ignored.txt\n',
    });
    const builder = await bench.open();
    const recipe = await bench.recipe(sha, { env: { WORD: 'sesame' } });
    const first = await run(builder, bench.request(sha, recipe));
    expect(succeeded(first.result).cached).toBe(false);
    const told = first.lines.join('\n');
    expect(told).toContain("Built by the engine's BuildKit: RUN --mount.");
    expect(told).toMatch(/\[build \d\/\d\] RUN --mount=type=cache/);
    for (const line of ['what the bind mount shows', 'to the error output', 'no end of line'])
      expect(first.lines).toContain(line);
    expect(told).not.toContain('[internal]');
    expect(await builder.has(bench.app, recipe)).toBe(true);
    const again = await run(builder, bench.request(sha, recipe, 'worker'));
    expect(succeeded(again.result).cached).toBe(true);
  });

  test('a step that fails is named, with its exit code and its last lines', async () => {
    const sha = await bench.send({
      Dockerfile: `FROM ${base}\nRUN --mount=type=cache,target=/x echo the reason && exit 7\n`,
    });
    const { result } = await run(await bench.open(), bench.request(sha, await bench.recipe(sha)));
    if (result.ok) throw new Error('a failure was expected');
    expect(result).toMatchObject({ end: 'failed', exitCode: 7 });
    expect(result.because?.message).toContain('at "RUN --mount=type=cache,target=/x echo the reason && exit 7"');
    expect(result.tail).toContain('the reason');
  });

  test.each([
    ['COPY missing.txt /x', 'missing.txt', 'BUILD_FAILED'],
    ['COPY --from=127.0.0.1:1/nobody/has:this /a /b', '127.0.0.1:1/nobody/has:this', 'IMAGE_MISSING'],
    ['RUNN true', 'unknown instruction: RUNN', 'BUILD_FAILED'],
  ])('%s fails with the reason', async (instruction, named, code) => {
    const sha = await bench.send({ Dockerfile: `FROM ${base}\nRUN --mount=type=cache,target=/x true\n${instruction}\n` });
    const { result } = await run(await bench.open(), bench.request(sha, await bench.recipe(sha)));
    if (result.ok) throw new Error('a failure was expected');
    expect(result.because?.code).toBe(code);
    expect(result.because?.message).toContain(named);
  });

  test.each(['cancelled', 'timed-out'] as const)('%s, it leaves nothing that runs', async (end) => {
    const seconds = `9${Math.floor(Math.random() * 1e6)}`;
    const sha = await bench.send({
      Dockerfile: `FROM ${base}\nRUN --mount=type=cache,target=/x echo begun && sleep ${seconds}\n`,
    });
    const builder = await bench.open(end === 'timed-out' ? { timeLimit: 10_000 } : {});
    const stop = new AbortController();
    const running = builder.build({
      ...bench.request(sha, await bench.recipe(sha)),
      signal: stop.signal,
      onLine: (line) => {
        if (line === 'begun' && end === 'cancelled') stop.abort();
      },
    });
    expect(await running).toMatchObject({ ok: false, end });
    const until = Date.now() + 15_000;
    while (sleepers(seconds) > 0 && Date.now() < until) await wait(100);
    expect(sleepers(seconds)).toBe(0);
  });
});

/** Processes of this machine that sleep for so long. */
const sleepers = (seconds: string): number =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim() === `sleep ${seconds}`;
    } catch {
      return false;
    }
  }).length;
