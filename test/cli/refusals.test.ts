import { afterAll, afterEach, expect, it } from 'vitest';
import { endStarted, makeFolder, onlyJson, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

it.each(['/proc/signalbox', '/dev/null/signalbox'])('up says so at once when no home can be made at %s', async (home) => {
  const cwd = await makeFolder({}, { git: false });
  const ran = await runCli(['up', '--detach', '--json'], { home, cwd });
  expect([ran.code, ran.err]).toEqual([1, '']);
  expect(onlyJson(ran)).toMatchObject({ error: { code: 'HOME_UNUSABLE' } });
});

it('an environment that can have no such name is wrong usage, before anybody is asked', async () => {
  const home = await makeFolder({}, { git: false });
  const { code, err } = await runCli(['status', '--env', '../x'], { home });
  expect(code).toBe(2);
  expect(err).toContain('--env "../x" names no environment');
});

it('a remote control plane that does not answer is named as it was given', async () => {
  const home = await makeFolder({}, { git: false });
  const env = { SIGNALBOX_URL: 'http://127.0.0.1:1', SIGNALBOX_TOKEN: 'x'.repeat(32) };
  const { code, err } = await runCli(['status'], { home, env });
  expect(code).toBe(4);
  expect(err).toContain('The control plane at http://127.0.0.1:1 does not answer (ECONNREFUSED)');
});
