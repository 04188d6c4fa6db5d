import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { WallTime } from '../../src/domain/values.ts';
import { newYear, release, rollout, shop } from '../api/facts.ts';
import { type StandIn, type StandInOptions, startStandIn } from '../api/stand-in.ts';
import { endStarted, makeFolder, onlyJson, removeFolders, runCli, startCli } from './run-cli.ts';

let at: StandIn;
afterEach(async () => {
  endStarted();
  await at.close();
});
afterAll(removeFolders);

const begin = async (options: StandInOptions = {}): Promise<StandIn> => {
  at = await startStandIn(options);
  const one = release(1, { subject: 'First \u001b[31mred' });
  await at.write({ releases: [one], rollouts: [rollout(one, { phase: 'succeeded' })] });
  await at.write({ environment: { arms: [{ release: one.id, weight: 10_000, role: 'stable' }], proven: one.id } });
  return at;
};
const run = (...words: string[]) => runCli(words, { home: at.home.root });
const eventOf = (number: number) => ({ type: `test.${number}`, at: (newYear + number) as WallTime, app: shop, body: { number } });

describe('looking', () => {
  it.each([
    ['status'],
    ['releases', '--app', 'shop'],
    ['rollouts', '--app', 'shop'],
    ['rollouts', 'show', 'r1'],
    ['events'],
    ['logs', '--app', 'shop'],
    ['doctor'],
  ])('%s says something to people and prints one JSON value to scripts', async (...words) => {
    await begin({
      async *logs(id) {
        yield { instance: `${id}.0` as never, text: 'listening' };
      },
    });
    await at.write({ events: [eventOf(1)] });
    const people = await run(...words);
    expect(people.out.trim()).not.toBe('');
    expect(people.out).not.toContain('\u001b');
    const script = await run(...words, '--json');
    expect(script.err).toBe('');
    expect(typeof onlyJson(script)).toBe('object');
  });

  it('status filters by app and environment, and an app that is not there is simply not shown', async () => {
    await begin();
    expect(onlyJson(await run('status', '--json', '--app', 'shop'))).toMatchObject({ environments: [{ app: 'shop' }] });
    expect(onlyJson(await run('status', '--json', '--app', 'other'))).toMatchObject({ environments: [] });
  });

  it('the app is the one of the folder, by its file or its name', async () => {
    await begin();
    const named = await makeFolder({ 'signalbox.yaml': 'app: shop # ours\nservices: { web: { wrong: 1 } }\n', 'sub/x': '' });
    expect((await runCli(['releases'], { home: at.home.root, cwd: named })).out).toContain('v1  live');
    const other = await runCli(['releases', '--json', '--app', named], { home: at.home.root });
    expect(onlyJson(other)).toMatchObject({ items: [{ release: 'v1' }] });
    const unknown = await runCli(['releases', '--json'], { home: at.home.root, cwd: await makeFolder({ x: '' }) });
    expect(unknown.code).toBe(1);
    expect(onlyJson(unknown)).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });
});

describe('following', () => {
  it('events -f prints one object per line and goes on after a restart without a gap', async () => {
    await begin();
    const running = startCli(['events', '-f', '--json'], { home: at.home.root });
    await at.write({ events: [eventOf(1)] });
    await expect.poll(running.out, { timeout: 10_000 }).toContain('test.1');
    await at.restart(50);
    await at.write({ events: [eventOf(2), eventOf(3)] });
    await expect.poll(running.out, { timeout: 10_000 }).toContain('test.3');
    running.child.kill('SIGINT');
    const { code, out, err } = await running.done;
    expect([code, err]).toEqual([130, '']);
    const types = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual(['test.1', 'test.2', 'test.3']);
  });

  it('logs -f goes on until Ctrl-C', async () => {
    await begin({
      async *logs(id, signal) {
        yield { instance: `${id}.0` as never, text: 'listening' };
        await new Promise((resolve) => {
          signal?.addEventListener('abort', resolve);
        });
      },
    });
    const running = startCli(['logs', 'web', '-f', '--app', 'shop'], { home: at.home.root });
    await expect.poll(running.out, { timeout: 10_000 }).toBe('web.0 listening\n');
    running.child.kill('SIGINT');
    expect((await running.done).code).toBe(130);
  });

  it('a reader that has seen enough is no error', async () => {
    await begin();
    await at.write({ events: Array.from({ length: 400 }, (_, index) => eventOf(index)) });
    const running = startCli(['events', '-n', '400'], { home: at.home.root });
    running.child.stdout?.once('data', () => running.child.stdout?.destroy());
    const { code, err } = await running.done;
    expect([code, err]).toEqual([0, '']);
  });
});

describe('steering', () => {
  it('passes verbs, traffic and rollback on as they were meant', async () => {
    await begin({ onDeploy: (id, to) => to.move(id, { phase: 'succeeded' }) });
    expect(onlyJson(await run('pause', '--app', 'shop', '--json'))).toEqual({ rolloutId: 'r1', verb: 'pause' });
    await run('abort', '--rollout', 'r7', '--json');
    await run('traffic', 'stop', '--message', 'Back at noon', '--app', 'shop');
    const back = await run('rollback', '--to', 'v1', '--force', '--app', 'shop', '--json');
    expect(back.code).toBe(0);
    expect(onlyJson(back)).toMatchObject({ rolloutId: 'b1', release: 'v1', phase: 'succeeded' });
    // Who asks, for locks.
    const by: unknown = expect.stringMatching(/^.+ on .+$/);
    expect(at.calls.map(([name, request]) => [name, request])).toEqual([
      ['steer', { by, target: { app: 'shop', environment: 'production' }, verb: 'pause' }],
      ['steer', { by, target: { rollout: 'r7' }, verb: 'abort' }],
      ['traffic', { by, app: 'shop', environment: 'production', kind: 'stop', message: 'Back at noon' }],
      ['rollback', { app: 'shop', environment: 'production', force: true, to: 1 }],
    ]);
  });

  it('plan prints what would be done and ends with 1 when that would be refused', async () => {
    await begin();
    const folder = await makeFolder({ 'signalbox.yaml': 'app: shop\n' });
    const { code, out } = await runCli(['plan', folder], { home: at.home.root });
    expect(code).toBe(0);
    expect(out).toContain('  2. start web x2, healthy within 60s\n');
    expect(out).toContain('memory: needs 100 MiB, of which 50 MiB keep the old release warm; 900 MiB available');
    expect(at.calls.map(([name]) => name)).toEqual(['receiveSource', 'plan']);
    await at.close();
    const preview = {
      release: release(2).id,
      operations: [],
      notes: [],
      memory: { neededMb: null, availableMb: null, warmMb: null },
    };
    await begin({
      commands: { plan: async () => ({ ...preview, refused: { code: 'NOT_ENOUGH_MEMORY', message: 'Too little.' } }) },
    });
    const refused = await runCli(['plan', folder, '--json'], { home: at.home.root });
    expect(refused.code).toBe(1);
    expect(onlyJson(refused)).toMatchObject({ app: 'shop', refused: { code: 'NOT_ENOUGH_MEMORY' } });
  });
});
