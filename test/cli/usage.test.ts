import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { endStarted, makeFolder, onlyJson, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

const verbs = [
  'up',
  'down',
  'init',
  'plan',
  'deploy',
  'rollback',
  'promote',
  'abort',
  'pause',
  'resume',
  'traffic',
  'status',
  'releases',
  'rollouts',
  'events',
  'logs',
  'demo',
  'scan',
  'git',
  'webhook',
  'doctor',
];

describe('help', () => {
  it('names every verb and the exit codes', async () => {
    const home = await makeFolder({}, { git: false });
    const { code, out, err } = await runCli(['--help'], { home });
    expect([code, err]).toEqual([0, '']);
    for (const verb of verbs) expect(out).toMatch(new RegExp(`^  ${verb}\\b`, 'm'));
    expect(out).toContain('3 rolled back');
    expect((await runCli([], { home })).out).toBe(out);
  });

  it.each(verbs)('of %s has an example and the common options', async (verb) => {
    const home = await makeFolder({}, { git: false });
    const { code, out } = await runCli([verb, '--help'], { home });
    expect(code).toBe(0);
    expect(out).toContain(`Example:\n  signalbox ${verb}`);
    for (const option of ['--app', '--env', '--json', '--home']) expect(out).toContain(option);
  });
});

describe('a command line that is not understood', () => {
  it.each([
    [['deplyo'], 'Did you mean deploy?'],
    [['deploy', '--detatch'], 'Did you mean --detach?'],
    [['deploy', '--until', 'forever'], 'Allowed choices are live.'],
    [['deploy', '--strategy', 'yolo'], 'Allowed choices are blue-green, rolling, canary.'],
    [['deploy', '--ref', 'main', '--dirty'], 'cannot be used with'],
    [['deploy', 'one', 'two'], 'too many arguments'],
    [['traffic'], 'missing required argument'],
    [['rollouts', 'shw', 'x'], 'Did you mean show?'],
    [['rollouts', 'show'], 'missing required argument'],
    [['logs', '--tail', 'many'], 'Expected a whole number from 0 to 10000.'],
  ])('%j ends with 2 and a word of help', async (words, expected) => {
    const home = await makeFolder({}, { git: false });
    const { code, out, err } = await runCli(words, { home });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(expected);
    expect(err).toContain('WRONG_USAGE');
  });

  it('is told as JSON, on standard output, to who wants JSON', async () => {
    const home = await makeFolder({}, { git: false });
    const ran = await runCli(['deploy', '--json', '--dtach'], { home });
    expect([ran.code, ran.err]).toEqual([2, '']);
    expect(onlyJson(ran)).toMatchObject({
      error: { code: 'WRONG_USAGE', message: expect.stringContaining('--detach') as unknown },
    });
  });
});

describe('without a control plane', () => {
  it.each([
    ['status'],
    ['releases'],
    ['rollback'],
    ['pause'],
    ['traffic', 'open'],
    ['events'],
    ['logs'],
    ['rollouts', 'show', 'r1'],
  ])('%s ends with 4 and says what to do', async (...words) => {
    const home = await makeFolder({}, { git: false });
    const people = await runCli(words, { home });
    expect([people.code, people.out]).toEqual([4, '']);
    expect(people.err).toContain('signalbox up');
    const script = await runCli([...words, '--json'], { home });
    expect([script.code, script.err]).toEqual([4, '']);
    expect(onlyJson(script)).toMatchObject({ error: { code: 'CONTROL_PLANE_UNREACHABLE', retryable: true } });
  });

  it('down has nothing to do, and says that apps may go on', async () => {
    const home = await makeFolder({}, { git: false });
    expect(onlyJson(await runCli(['down', '--json'], { home }))).toEqual({ stopped: false });
    expect((await runCli(['down', '--all'], { home })).code).toBe(4);
  });

  it('an address without a token is a mistake of its own', async () => {
    const home = await makeFolder({}, { git: false });
    const ran = await runCli(['status', '--json'], { home, env: { SIGNALBOX_URL: 'http://127.0.0.1:1' } });
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({ error: { code: 'BAD_SETTING' } });
    const dead = await runCli(['status', '--json'], {
      home,
      env: { SIGNALBOX_URL: 'http://127.0.0.1:1', SIGNALBOX_TOKEN: 'x'.repeat(20) },
    });
    expect(dead.code).toBe(4);
  });
});
