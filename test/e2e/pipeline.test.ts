import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kill, waitFor } from '../../bench/kit/processes.ts';
import type { ListBody, RunBody, StepLogBody } from '../../src/api/contract.ts';
import { type App, oneService } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
/** An app's name belongs to the repository that brought it first. */
let repository: App | undefined;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

const manifest = (test: string): string => JSON.stringify({ name: 'shop', private: true, scripts: { test } });
const settings = (version: string, more = {}) => oneService('piped', { env: { VERSION: version } }, more);

async function piped(test: string, version = '1', more = {}) {
  const app = (repository ??= await site.app('piped'));
  await app.commit({ fixture: 'healthy', settings: settings(version, more), files: { 'package.json': manifest(test) } });
  return app;
}

const newest = async (): Promise<RunBody> => {
  const [run] = (await site.installation.api<ListBody<RunBody>>('GET', '/v1/apps/piped/runs?limit=1')).items;
  if (run === undefined) throw new Error('There is no run.');
  return run;
};
const ended = async (id: string): Promise<RunBody> =>
  waitFor('the end of the run', 120_000, async () => {
    const run = await site.installation.api<RunBody>('GET', `/v1/runs/${id}`).catch(() => null);
    return run?.ended === true ? run : undefined;
  });

describe('a run of a pipeline', () => {
  test('builds, tests and ships a commit nobody tested; a red one ships nothing, with the old release serving and no request lost', async () => {
    const app = await piped('node -e "console.log(process.env.NODE_ENV, process.cwd() !== \'/\')"');
    const first = await site.installation.cli('run', app.folder, '--json');
    expect(first.exitCode, first.stdout + first.stderr).toBe(0);
    const green = JSON.parse(first.stdout.trim()) as RunBody;
    expect(green).toMatchObject({
      phase: 'succeeded',
      ref: 'refs/heads/main',
      deploys: [{ environment: 'production', state: 'live' }],
    });
    expect(green.steps.map(({ name, state }) => `${name} ${state}`)).toEqual(['build:web passed', 'test passed']);
    const log = await site.installation.api<StepLogBody>('GET', `/v1/runs/${green.id}/steps/test/log`);
    expect(log.lines.map(({ text }) => text)).toContain('test true');

    const visits = await site.visit('piped.localhost');
    await app.change({
      'package.json': manifest('echo it is wrong >&2; exit 3'),
      'signalbox.yaml': JSON.stringify(settings('2')),
    });
    const second = await site.installation.cli('run', app.folder);
    expect(second.exitCode).toBe(1);
    expect(second.stdout).toContain('it is wrong');
    expect(second.stdout).toContain('The step test failed (exit 3).');
    expect(second.stdout).toContain('Nothing was shipped');
    expect(losses(await visits.stop())).toEqual(noLosses);
    expect(await site.json('piped.localhost')).toMatchObject({ version: '1' });
    expect((await site.installation.releases('piped')).length).toBe(1);

    await app.change({ 'package.json': manifest('echo fine now') });
    const third = await site.installation.cli('run', app.folder, '--no-deploy');
    expect(third.exitCode, third.stdout + third.stderr).toBe(0);
    expect(await site.json('piped.localhost')).toMatchObject({ version: '1' });
    const found = await site.installation.cli('runs', 'logs', (await newest()).id, 'test', '--find', 'FINE');
    expect(found.stdout).toContain('fine now');
  });

  test('goes on after kill -9 of the control plane in the middle of a test: the test is not run twice, and its log is whole', async () => {
    const script =
      'for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.5; done; date +%s%N >> "$HOME/../ran" 2>/dev/null; echo over';
    const app = await piped(script, '3');
    const begun = await site.installation.cli('run', app.folder, '--detach', '--json');
    const { runId } = JSON.parse(begun.stdout) as { runId: string };
    await waitFor('the test', 60_000, async () => {
      const { lines } = await site.installation
        .api<StepLogBody>('GET', `/v1/runs/${runId}/steps/test/log`)
        .catch(() => ({ lines: [] }));
      return lines.some(({ text }) => text === 'line 3') ? true : undefined;
    });
    const { controlPlane } = await site.installation.parts();
    for (const one of controlPlane) await kill(one, 'SIGKILL');
    await site.installation.up();
    const run = await ended(runId);
    expect(run).toMatchObject({ phase: 'succeeded', steps: [{ tries: 1 }, { tries: 1, state: 'passed' }] });
    const { lines } = await site.installation.api<StepLogBody>('GET', `/v1/runs/${runId}/steps/test/log`);
    const said = lines.map(({ text }) => text).filter((text) => /^(?:line \d|over)$/.test(text));
    expect(said).toEqual([...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `line ${n}`), 'over']);
    expect(await site.json('piped.localhost')).toMatchObject({ version: '3' });
  });

  test('gives way to a newer one of the same branch; what it had started is gone, children in sessions of their own too', async () => {
    const app = await piped('setsid sleep 1000 & echo begun; sleep 1000', '4');
    const begun = await site.installation.cli('run', app.folder, '--detach', '--json');
    const { runId } = JSON.parse(begun.stdout) as { runId: string };
    await waitFor('the test', 60_000, async () => {
      const { lines } = await site.installation
        .api<StepLogBody>('GET', `/v1/runs/${runId}/steps/test/log`)
        .catch(() => ({ lines: [] }));
      return lines.some(({ text }) => text === 'begun') ? true : undefined;
    });
    await app.change({ 'package.json': manifest('true') });
    const next = await site.installation.cli('run', app.folder, '--json');
    expect(next.exitCode, next.stdout + next.stderr).toBe(0);
    expect((await ended(runId)).phase).toBe('superseded');
    const { all } = await site.installation.parts();
    const commands = await Promise.all(all.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    expect(commands.filter((text) => text.includes('sleep\u00001000'))).toEqual([]);
  });

  test('can be cancelled and tried again: what has passed is not done again', async () => {
    const steps = { steps: { unit: 'echo unit', slow: { run: 'test -e /proc/self && sleep 2 && exit 1', needs: ['unit'] } } };
    const app = await piped('true', '5', { pipeline: steps });
    const failed = await site.installation.cli('run', app.folder, '--json');
    expect(failed.exitCode).toBe(1);
    const run = await newest();
    expect(run.steps.map(({ name, state }) => `${name} ${state}`)).toEqual(['build:web passed', 'unit passed', 'slow failed']);
    const again = await site.installation.cli('runs', 'retry', run.id);
    expect(again.exitCode).toBe(1);
    expect(again.stdout).toContain('unit was there already');
    expect((await newest()).steps[1]).toMatchObject({ name: 'unit', state: 'passed', cached: true });
    const begun = await site.installation.cli('run', app.folder, '--detach', '--json');
    const { runId } = JSON.parse(begun.stdout) as { runId: string };
    await waitFor('the slow step', 60_000, async () => ((await newest()).steps[2]?.state === 'running' ? true : undefined));
    expect((await site.installation.cli('runs', 'cancel', runId)).exitCode).toBe(0);
    expect(await ended(runId)).toMatchObject({ phase: 'cancelled', steps: [{}, { state: 'passed' }, { state: 'cancelled' }] });
    expect((await site.installation.cli('runs', 'cancel', runId)).exitCode).toBe(1);
  });
});
