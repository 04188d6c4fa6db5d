import { describe, expect, it } from 'vitest';
import type { EnvironmentName } from '../../src/domain/values.ts';
import { isRunOver } from '../../src/domain/pipeline/run.ts';
import { step } from './kit/pipelines.ts';
import type { PortCall } from './kit/life.ts';
import { type Installation, install, web } from './plant-kit.ts';

const started = (box: Installation, command: string): number =>
  box.runtime.commandsStarted.filter((id) => id.includes(command)).length;
const states = (box: Installation, id: string): string =>
  box
    .run(id)
    .steps.map(({ name, state }) => `${name} ${state}`)
    .join(', ');
const liveNow = (box: Installation): string => box.arms();

describe('a run', () => {
  it('builds, runs each step once after what it needs, and ships when all have passed', async () => {
    const box = await install();
    box.steps = [step('npm run lint'), step('npm test', { needs: ['lint'] })];
    const id = await box.startRun();
    const run = await box.runEnds(id, 'succeeded');
    expect(states(box, id)).toBe('build:web passed, lint passed, test passed');
    expect(box.runtime.commandsStarted).toEqual([`${id}-lint-1`, `${id}-test-1`]);
    expect(run.deploys).toMatchObject([{ environment: 'production', state: 'live' }]);
    expect(box.workshop.built).toHaveLength(1);
    expect(liveNow(box)).toBe('v1:10000');
  });

  it('ships nothing when a step is red: the release with traffic stays, and the reason has the last lines', async () => {
    const box = await install();
    await box.live();
    box.steps = [step('npm test'), step('npm run after', { needs: ['test'] })];
    box.runtime.commands.set('npm test', { exitCode: 1 });
    const id = await box.startRun();
    const run = await box.runEnds(id, 'failed');
    expect(run.reason).toMatchObject({ code: 'STEP_FAILED', step: 'test', message: 'The step test failed (exit 1).' });
    expect(run.reason?.log).toContain('$ npm test');
    expect(states(box, id)).toBe('build:web passed, test failed, after skipped');
    expect(run.deploys).toMatchObject([{ state: 'waiting', rollout: null }]);
    expect(box.home.tables.rollouts.size).toBe(1);
    expect(liveNow(box)).toBe('v1:10000');
  });

  it('ships nothing when a build fails, and begins no step', async () => {
    const box = await install();
    box.steps = [step('npm test')];
    box.workshop.failing.add('web');
    const id = await box.startRun();
    const run = await box.runEnds(id, 'failed');
    expect(run.reason).toMatchObject({ code: 'BUILD_FAILED', step: 'build:web' });
    expect(box.runtime.commandsStarted).toEqual([]);
    expect(box.home.tables.rollouts.size).toBe(0);
  });

  it('tries a step again as often as it may, and no more', async () => {
    const box = await install();
    box.steps = [step('npm test', { retries: 2 })];
    box.runtime.commands.set('npm test', { exitCode: 1 });
    const id = await box.startRun();
    await box.runEnds(id, 'failed');
    expect(box.runtime.commandsStarted).toEqual([`${id}-test-1`, `${id}-test-2`, `${id}-test-3`]);
  });

  it('goes on when an optional step fails, and says so', async () => {
    const box = await install();
    box.steps = [step('npm run lint', { optional: true }), step('npm test', { needs: ['lint'] })];
    box.runtime.commands.set('npm run lint', { exitCode: 1 });
    const id = await box.startRun();
    await box.runEnds(id, 'succeeded');
    expect(states(box, id)).toBe('build:web passed, lint failed, test passed');
  });

  it('ends a step that takes too long, and all of them when the run does', async () => {
    const box = await install();
    box.steps = [step('sleep', { timeout: 5000 as never })];
    box.runtime.commands.set('sleep', { takes: 1e9 });
    const first = await box.startRun();
    expect((await box.runEnds(first, 'failed')).reason?.message).toBe('The step sleep did not end within 5s and was ended.');
    box.steps = [step('sleep', { timeout: 1e9 as never })];
    const second = await box.startRun();
    const run = await box.runEnds(second, 'failed', 700_000);
    expect(run.reason).toMatchObject({ code: 'RUN_TIMED_OUT', message: 'It did not end within 10 min.' });
    expect(states(box, second)).toBe('build:web passed, sleep cancelled');
  });

  it('gives way to a newer run of the same ref: its command is ended, it ships nothing, the newest does', async () => {
    const box = await install();
    box.steps = [step('npm test')];
    box.runtime.commands.set('npm test', { takes: 5000 });
    const old = await box.startRun();
    await box.until(() => started(box, 'test') === 1);
    const other = await box.startRun({}, { ref: 'refs/heads/other', environments: [] });
    const next = await box.startRun();
    const run = await box.runEnds(old, 'superseded');
    expect(run.reason?.message).toBe(`Run ${next} of a newer push took its place.`);
    await box.runEnds(next, 'succeeded');
    await box.runEnds(other, 'succeeded');
    expect(box.home.tables.rollouts.size).toBe(1);
    expect(box.run(old).deploys[0]?.state).toBe('waiting');
  });

  it('can be cancelled while it waits, while a step runs, and while it ships to the first of two environments', async () => {
    const box = await install();
    box.steps = [step('npm test')];
    box.runtime.commands.set('npm test', { takes: 2000 });
    const cancel = (id: string) => box.during(box.plane.commands.cancelRun({ run: id as never, who: 'ada' }));
    const running = await box.startRun();
    const waiting = await box.startRun({}, { ref: null });
    await cancel(waiting);
    await box.until(() => started(box, 'test') === 1);
    await cancel(running);
    await cancel(running).catch(() => undefined);
    expect((await box.runEnds(running, 'cancelled')).reason?.message).toBe('ada cancelled it.');
    await box.runEnds(waiting, 'cancelled');
    expect(box.home.tables.rollouts.size).toBe(0);
    await expect(box.plane.commands.cancelRun({ run: running as never, who: 'ada' })).rejects.toMatchObject({
      code: 'NO_ACTIVE_RUN',
    });

    const both = ['production', 'staging'] as EnvironmentName[];
    const shipping = await box.startRun({}, { environments: both });
    await box.until(() => box.run(shipping).deploys[0]?.state === 'asked');
    await cancel(shipping);
    const run = await box.runEnds(shipping, 'cancelled');
    expect(run.deploys.map(({ state }) => state)).toEqual(['live', 'waiting']);
  });

  it('ships to environments in their order, and not to the second when the first did not get live', async () => {
    const box = await install();
    const sick = { healthy: () => false };
    const sha = box.commit({ services: [web(7)] });
    for (const { workload } of box.release(sha).services) box.runtime.programs.set(workload.id, sick);
    const { environment: _, ...request } = box.request(sha);
    const ask = box.plane.commands.startRun({
      ...request,
      ref: 'refs/heads/main',
      environments: ['production', 'staging'] as EnvironmentName[],
      cause: { by: 'push', who: 'ada' },
    });
    const id = (await box.during(ask))?.run ?? '';
    const run = await box.runEnds(id, 'failed', 300_000);
    expect(run.deploys.map(({ state }) => state)).toEqual(['failed', 'waiting']);
    expect(run.reason?.code).toBe('HEALTH_DEADLINE');
  });

  it('runs one at a time for each app, and refuses a flood', async () => {
    const box = await install();
    box.steps = [step('npm test', { timeout: 200_000 as never })];
    box.runtime.commands.set('npm test', { takes: 100_000 });
    const ids: string[] = [];
    for (let n = 0; n < 50; n += 1) ids.push(await box.startRun({}, { ref: `refs/heads/b${n}`, environments: [] }));
    await expect(box.startRun({}, { ref: 'refs/heads/last' })).rejects.toMatchObject({ code: 'TOO_MANY_RUNS' });
    const phases = (): string[] => ids.map((id) => box.run(id).phase).filter((phase) => phase === 'running');
    expect(phases().length).toBeLessThanOrEqual(1);
    await box.runEnds(ids[0] ?? '', 'succeeded', 200_000);
    expect(phases().length).toBeLessThanOrEqual(1);
  });
});

describe('what runs leave', () => {
  it('is tidied up beyond the newest hundred, and not while a run still needs what it has built', async () => {
    const box = await install();
    box.steps = [step('npm test')];
    const first = await box.startRun({}, { environments: [] });
    await box.runEnds(first, 'succeeded');
    for (let n = 0; n < 100; n += 1)
      await box.runEnds(await box.startRun({}, { ref: `refs/heads/b${n}`, environments: [] }), 'succeeded');
    box.runtime.commands.set('npm test', { takes: 50_000 });
    const last = await box.startRun({}, { environments: [] });
    await box.time.pass(40_000);
    expect(box.run(last).phase).toBe('running');
    expect([...box.logs.texts.keys()]).toContain(`${first}/test`);
    await box.runEnds(last, 'succeeded');
    await box.time.pass(40_000);
    expect([...box.logs.texts.keys()]).not.toContain(`${first}/test`);
    expect([...box.logs.texts.keys()]).toContain(`${last}/test`);
  });
});

describe('a run whose control plane is killed', () => {
  const play = async (
    at: (call: PortCall, box: Installation) => void,
  ): Promise<{ said: string; calls: number; lives: number }> => {
    const box = await install();
    await box.live();
    box.steps = [step('npm run lint'), step('npm test', { needs: ['lint'] })];
    const id = await box.startRun({ services: [web(3)] });
    let calls = 0;
    let lives = 1;
    const numbers = new WeakMap<object, number>();
    const interfere = (call: PortCall): void => {
      const number = numbers.get(call.key) ?? ++calls;
      numbers.set(call.key, number);
      at({ ...call, number }, box);
    };
    box.interfere = interfere;
    box.life.interfere = interfere;
    for (let rest = 0; !isRunOver(box.run(id).phase); rest += 1) {
      if (rest > 100) throw new Error(`It does not end: ${box.run(id).phase}, ${states(box, id)}\n${box.describe()}`);
      await box.until(() => box.life.dead || isRunOver(box.run(id).phase));
      if (!box.life.dead) continue;
      lives += 1;
      await box.time.pass(50);
      await box.boot();
    }
    const ended = calls;
    box.interfere = () => undefined;
    box.life.interfere = () => undefined;
    if (box.life.dead) await box.boot();
    await box.until(() => box.active().length === 0);
    await box.calm();
    const rollouts = [...box.home.tables.rollouts.values()].map(({ release, phase }) => `${release} ${phase}`);
    const said = [
      box.run(id).phase,
      states(box, id),
      ...rollouts,
      liveNow(box),
      box.runtime.commandsStarted.join(' ').replaceAll(id, 'run'),
    ];
    return { said: said.join('\n'), calls: ended, lives };
  };

  it('before or after any call to a port or commit comes to the same end: steps run once, one rollout is asked for', async () => {
    const undisturbed = await play(() => undefined);
    expect(undisturbed.said).toContain('run-lint-1 run-test-1');
    let kills = 0;
    for (const when of ['before', 'after'] as const)
      for (let n = 1; n <= undisturbed.calls; n += 1) {
        let at = '';
        const outcome = await play((call, box) => {
          if (at !== '' || call.number !== n || call.when !== when) return;
          at = call.name;
          box.kill();
        });
        if (at !== '') kills += 1;
        expect(outcome.said, `killed ${when} call ${n}, ${at}`).toBe(undisturbed.said);
      }
    expect(kills).toBeGreaterThan(undisturbed.calls / 2);
  });
});
