import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { createPushCheck } from '../../src/control-plane/push-check.ts';
import { createPushDeploy } from '../../src/control-plane/push-deploy.ts';
import { createPushes, type PushPorts } from '../../src/control-plane/pushes.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { type AppName, instant } from '../../src/domain/values.ts';
import type { PushAnswer, Pushes } from '../../src/ports/pushes.ts';
import { clockOf } from './kit/time.ts';
import { step } from './kit/pipelines.ts';
import { api, install, type Installation, mailer, web } from './plant-kit.ts';

interface Push {
  readonly answer: PushAnswer | undefined;
  readonly lines: readonly string[];
}

/** Pushes to a control plane on a machine, in virtual time. */
async function site(more: Partial<PushPorts> = {}) {
  const box = await install();
  const pushes = pushesTo(box, more);
  const begin = (sha: string | null, branch = 'main', before: string | null = null) => {
    const lines: string[] = [];
    const update = { app: 'shop' as AppName, ref: `refs/heads/${branch}`, before, after: sha, pusher: 'ada' };
    return { lines, done: pushes.receive(update, (line) => lines.push(line)) };
  };
  const push = async (sha: string | null, branch?: string, before?: string | null): Promise<Push> => {
    const { lines, done } = begin(sha, branch, before);
    return { answer: await box.during(done), lines };
  };
  return { box, pushes, begin, push };
}

function pushesTo(box: Installation, more: Partial<PushPorts>): Pushes {
  const means = { feed: box.plane.feed, store: openMemoryStore(box.home), clock: clockOf(box.time, box.life, instant(0)) };
  return createPushes({
    source: {
      defaultBranch: () => Promise.resolve(null),
      contains: () => Promise.resolve(true),
      notFetched: () => Promise.resolve({ modules: [], pointers: [] }),
      subject: () => Promise.resolve('A change'),
    },
    environments: () => Promise.resolve({ production: {} }),
    deploy: createPushDeploy({
      ...means,
      commands: { deploy: (request) => box.plane.commands.deploy(request) },
      check: createPushCheck({ ...means, commands: { startRun: (request) => box.plane.commands.startRun(request) } }),
      httpPort: () => Promise.resolve(8080),
    }),
    onFault: (error) => box.faults.push(error),
    ...more,
  });
}

describe('a push', () => {
  it('is answered when all traffic is on it, and tells each stage, the switch, the traffic and what comes', async () => {
    const { box, push } = await site();
    await box.live();
    const { answer, lines } = await push(box.commit({ services: [web(2), api(2)], bake: 60_000 }));
    expect(answer).toEqual({ ok: true, deployed: true });
    expect(box.phase(box.active()[0]?.id ?? '')).toBe('baking');
    const text = lines.join('\n');
    expect(text).toMatch(/build:api: passed[\s\S]*starting web, api[\s\S]*moving all traffic[\s\S]*v2 is live after/);
    expect(text).toMatch(/\(switch \d+ ms\); \d+ requests served, 0 dropped/);
    expect(text).toContain('watched for another 1m; it goes back by itself if it fails');
    box.sound();
  });

  it('that cannot start is refused with the reason, the app’s last words and what to do, and changes nothing', async () => {
    const { box, push } = await site();
    await box.live();
    box.workshop.failing.add('web');
    const { answer, lines } = await push(box.commit({ services: [web(2)] }));
    expect(answer).toMatchObject({ ok: false, reason: expect.stringMatching(/\[BUILD_FAILED\]$/) });
    expect(lines).toContain('  syntax error');
    expect(lines.join('\n')).toContain('nothing was shipped');
    expect(lines.some((line) => line.startsWith('to do: '))).toBe(true);
    expect(box.arms()).toBe('v1:10000');
  });

  it('of what is live already does nothing', async () => {
    const { box, push } = await site();
    const sha = box.commit({});
    await push(sha);
    await box.until(() => box.active().length === 0);
    const before = box.home.tables.rollouts.size;
    const { answer, lines } = await push(sha);
    expect(answer).toEqual({ ok: true, deployed: true });
    expect(lines).toContain(`${sha.slice(0, 7)} is live already as v1; nothing was done`);
    expect(box.home.tables.rollouts.size).toBe(before);
  });

  it('of what is on its way already joins it instead of beginning anew', async () => {
    const { box, begin } = await site();
    const sha = box.commit({});
    const first = begin(sha);
    await box.until(() => box.active().length === 1);
    const second = begin(sha);
    expect(await box.during(Promise.all([first.done, second.done]))).toEqual([
      { ok: true, deployed: true },
      { ok: true, deployed: true },
    ]);
    expect(second.lines).toContain('v1 of the same commit is on its way already');
    expect(box.home.tables.rollouts.size).toBe(1);
  });

  it('that a newer one overtakes is told so; ten at once leave the newest', async () => {
    const { box, begin } = await site();
    await box.live();
    const commits = Array.from({ length: 10 }, () => box.commit({}));
    const ten = commits.map((sha) => begin(sha));
    const answers = await box.during(Promise.all(ten.map(({ done }) => done)));
    expect(answers?.slice(0, -1)).toEqual(
      Array.from({ length: 9 }, () => ({ ok: false, reason: expect.stringMatching(/^superseded by a newer (?:push|deploy)$/) })),
    );
    expect(answers?.at(-1)).toEqual({ ok: true, deployed: true });
    expect(box.arms()).toBe('v2:10000');
    expect([...box.home.tables.releases.values()].at(-1)?.sha).toBe(commits.at(-1));
    box.sound();
  });

  it('whose report nobody can be given any more is answered, and its deploy goes on', async () => {
    const { box, begin, pushes } = await site();
    const { done, lines } = begin(box.commit({}));
    await box.until(() => box.active().length === 1);
    pushes.stop();
    expect(await box.during(done)).toEqual({ ok: false, reason: 'the control plane is being restarted; push again' });
    expect(lines.at(-1)).toContain('the deploy goes on after it: push again to see how it went');
    await box.ends(box.active()[0]?.id ?? '', 'succeeded');
  });

  it('that waits for a person is told how to go on', async () => {
    const { box, begin } = await site();
    await box.live();
    const { done, lines } = begin(box.commit({ services: [web(2, { command: true })] }));
    await box.until(() => box.active().length === 1);
    await box.steer('abort', box.active()[0]?.id ?? '');
    expect(await box.during(done)).toMatchObject({ ok: false, reason: 'the deploy was cancelled' });
    expect(lines).toContain('v2 was cancelled; v1 goes on serving');
  });
});

describe('what a push is told besides', () => {
  it('a branch that no environment follows is kept, and how to change that', async () => {
    const { box, push } = await site();
    const { answer, lines } = await push(box.commit({}), 'feature/x');
    expect(answer).toEqual({ ok: true, deployed: false });
    expect(lines).toContain('no environment follows feature/x: it is kept, and nothing is deployed');
    expect(box.home.tables.rollouts.size).toBe(0);
  });

  it('a rewritten branch, submodules, files of LFS; a branch that is taken away', async () => {
    const { box, push } = await site({
      source: {
        defaultBranch: () => Promise.resolve('main'),
        contains: () => Promise.resolve(false),
        notFetched: () => Promise.resolve({ modules: ['vendor/a'], pointers: ['big.bin', 'b', 'c', 'd', 'e', 'f'] }),
        subject: () => Promise.resolve('\u001b[31mRed\u001b]0;x\u0007'),
      },
    });
    const { lines } = await push(box.commit({}), 'main', 'f'.repeat(40));
    expect(lines[0]).toMatch(/^shop [0-9a-f]{7} Red$/);
    expect(lines).toContain('main was rewritten: fffffff is no longer part of it');
    expect(lines).toContain('warning: submodules are not fetched, their folders stay empty: vendor/a');
    expect(lines).toContain(
      'warning: files of Git LFS are not fetched, only their pointers are there: big.bin, b, c, d, e and more',
    );
    const gone = await push(null, 'main', 'f'.repeat(40));
    expect(gone).toEqual({
      answer: { ok: true, deployed: false },
      lines: ['the branch main is gone here; what runs goes on running'],
    });
  });

  it('every mistake of the configuration, on lines of its own', async () => {
    const { box, push } = await site({
      environments: () =>
        Promise.reject(new SignalboxError('CONFIG_INVALID', 'signalbox.yaml:1:1 a: wrong\nsignalbox.yaml:2:1 b: wrong')),
    });
    const { answer, lines } = await push(box.commit({}));
    expect(answer).toEqual({ ok: false, reason: 'signalbox.yaml:1:1 a: wrong [CONFIG_INVALID]' });
    expect(lines).toEqual(expect.arrayContaining(['signalbox.yaml:1:1 a: wrong', 'signalbox.yaml:2:1 b: wrong']));
  });

  it('who keeps an environment locked, and that the branch waits', async () => {
    const asked: (string | undefined)[] = [];
    const box = await install();
    const store = openMemoryStore(box.home);
    const deploy = createPushDeploy({
      check: () => Promise.resolve({ ok: true }),
      commands: {
        deploy: ({ by }) => {
          asked.push(by);
          return Promise.reject(
            new SignalboxError('ENVIRONMENT_LOCKED', 'shop/production is locked by Ben on desk: moving house.'),
          );
        },
      },
      feed: box.plane.feed,
      store,
      clock: clockOf(box.time, box.life, instant(0)),
      httpPort: () => Promise.resolve(80),
    });
    const lines: string[] = [];
    const update = {
      app: 'shop' as AppName,
      ref: 'refs/heads/main',
      before: null,
      after: box.commit({}),
      pusher: 'Ana on laptop',
    };
    const answer = await box.during(pushesTo(box, { deploy }).receive(update, (line) => lines.push(line)));
    expect(asked).toEqual(['Ana on laptop']);
    expect(answer).toEqual({
      ok: false,
      reason: 'deploy refused: shop/production is locked by Ben on desk: moving house. [ENVIRONMENT_LOCKED]',
    });
    expect(lines.at(-1)).toMatch(/^to do: Ask its owner/);
  });

  it('no more than that something is wrong, when that is our own fault', async () => {
    const { box, push } = await site({ environments: () => Promise.reject(new Error('/secret/path')) });
    const { answer, lines } = await push(box.commit({}));
    expect(answer).toMatchObject({ ok: false, reason: expect.stringContaining('[INTERNAL]') });
    expect(lines.join('\n')).not.toContain('/secret/path');
    expect(box.faults).toHaveLength(1);
  });
});

describe('a push of a commit whose checks are red', () => {
  it('ships nothing: the release with traffic stays, and the pusher sees the last lines and where the rest is', async () => {
    const { box, push } = await site();
    await box.live();
    box.steps = [step('npm test')];
    box.runtime.commands.set('npm test', { exitCode: 1 });
    const { answer, lines } = await push(box.commit({ services: [web(2), api(2)] }));
    expect(answer).toEqual({ ok: false, reason: 'The step test failed (exit 1). [STEP_FAILED]' });
    const text = lines.join('\n');
    expect(text).toContain('test: failed');
    expect(text).toContain('  $ npm test');
    expect(text).toMatch(/nothing was shipped; the whole output: signalbox runs logs \w+/);
    expect(box.active()).toEqual([]);
    expect(box.arms()).toBe('v1:10000');
  });

  it('is checked again when it is pushed again, and not when the same commit has passed', async () => {
    const { box, push } = await site();
    box.steps = [step('npm test')];
    box.runtime.commands.set('npm test', { exitCode: 1 });
    const sha = box.commit({ services: [web(2)] });
    expect((await push(sha)).answer).toMatchObject({ ok: false });
    box.runtime.commands.set('npm test', { exitCode: 0 });
    expect((await push(sha)).answer).toEqual({ ok: true, deployed: true });
    const started = box.runtime.commandsStarted.length;
    expect((await push(sha)).answer).toEqual({ ok: true, deployed: true });
    expect(box.runtime.commandsStarted).toHaveLength(started);
  });
});

describe('several environments of one branch', () => {
  it('are gone through in order, each only after the one before has proven itself; the rest is left alone', async () => {
    const asked: string[] = [];
    const { box, push } = await site({
      environments: () => Promise.resolve({ staging: { branch: 'main' }, test: { branch: 'ma*' }, production: {} }),
      deploy: async ({ environment, until }) => {
        asked.push(`${environment} until ${until}`);
        return environment === 'test' ? { ok: false, reason: 'deploy failed: no' } : { ok: true };
      },
    });
    const { answer, lines } = await push(box.commit({ services: [mailer(1)] }));
    expect(asked).toEqual(['staging until proven', 'test until proven']);
    expect(answer).toEqual({ ok: false, reason: 'test: deploy failed: no' });
    expect(lines.at(-1)).toBe('nothing was done for production');
  });
});
