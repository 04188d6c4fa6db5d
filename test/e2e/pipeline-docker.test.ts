import { afterAll, beforeAll, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { RunBody, StepLogBody } from '../../src/api/contract.ts';
import { testEngine } from '../docker/engine.ts';
import { openSite, type Site } from './kit/site.ts';

const engine = testEngine();
let site: Site;
beforeAll(async () => {
  if (!('missing' in engine)) site = await openSite({ SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: engine.host });
});
afterAll(async () => {
  if (!('missing' in engine)) expect(await site.stop()).toBe(0);
});

const seconds = 8;
const settings = (strategy = {}) => ({
  app: 'staged',
  services: { web: { build: 'node make.js', run: 'node server.js', route: '/', health: '/' } },
  strategy: { type: 'blue-green', bake: '1s', ...strategy },
});
const files = (script: string) => ({
  'package.json': JSON.stringify({ name: 'staged', private: true, scripts: { test: script } }),
  'make.js': "require('node:fs').writeFileSync('built.txt', 'made by the build\\n');\n",
  'server.js': "require('node:http').createServer((_, answer) => answer.end('hi')).listen(process.env.PORT, process.env.HOST);\n",
});

test('steps run in containers of the stage that builds; one that runs is joined after kill -9 of the control plane, and a red one ships nothing', async (ctx) => {
  if ('missing' in engine) return ctx.skip(engine.missing);
  const app = await site.app('staged');
  const count = Array.from({ length: seconds }, (_, n) => `echo line ${n + 1}; sleep 1`).join('; ');
  await app.commit({ settings: settings(), files: files(`${count}; cat built.txt; test "$NODE_ENV" = test`) });
  const begun = await site.installation.cli('run', app.folder, '--detach', '--json');
  expect(begun.exitCode, begun.stdout + begun.stderr).toBe(0);
  const { runId } = JSON.parse(begun.stdout) as { runId: string };
  const lines = async (): Promise<readonly string[]> =>
    (await site.installation.api<StepLogBody>('GET', `/v1/runs/${runId}/steps/test/log`)).lines.map(({ text }) => text);
  await waitFor('the test', 120_000, async () =>
    (await lines().catch((): readonly string[] => [])).includes('line 3') ? true : undefined,
  );
  for (const one of (await site.installation.parts()).controlPlane) await kill(one, 'SIGKILL');
  await site.installation.up();
  const run = await waitFor('the end of the run', 120_000, async () => {
    const seen = await site.installation.api<RunBody>('GET', `/v1/runs/${runId}`).catch(() => null);
    return seen?.ended === true ? seen : undefined;
  });
  expect(run).toMatchObject({ phase: 'succeeded', steps: [{ name: 'build:web' }, { name: 'test', state: 'passed', tries: 1 }] });
  const said = (await lines()).filter((text) => /^(?:line \d+|made by the build)$/.test(text));
  expect(said).toEqual([...Array.from({ length: seconds }, (_, n) => `line ${n + 1}`), 'made by the build']);
  expect((await site.ask('staged.localhost')).body).toBe('hi');

  await app.change(files('echo it is wrong; exit 4'));
  const red = await site.installation.cli('run', app.folder);
  expect(red.exitCode).toBe(1);
  expect(red.stdout).toContain('The step test failed (exit 4).');
  expect((await site.installation.releases('staged')).length).toBe(1);
});
