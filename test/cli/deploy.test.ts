import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/cli/outcome.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import type { WallTime } from '../../src/domain/values.ts';
import { idOf, newYear } from '../api/facts.ts';
import { type StandIn, type StandInOptions, startStandIn } from '../api/stand-in.ts';
import { endStarted, makeFolder, onlyJson, type Ran, removeFolders, runCli, startCli } from './run-cli.ts';

const later = (ms: number): WallTime => (newYear + ms) as WallTime;
const times = {
  createdAt: newYear,
  startedAt: later(10),
  liveAt: later(900),
  endedAt: later(1000),
  switchMs: 12,
  restoreMs: null,
};

/** Plays a rollout to its end. */
const succeed: NonNullable<StandInOptions['onDeploy']> = async (id, at) => {
  await at.move(id, { phase: 'preparing' });
  at.say({ service: 'web', line: 'added 12 packages' });
  await at.move(id, { phase: 'starting' });
  await at.move(id, { phase: 'baking', step: 0, stepServed: true });
  await at.move(id, { phase: 'succeeded', times, traffic: { served: 120, dropped: 0 } });
};

let at: StandIn | undefined;
afterEach(async () => {
  endStarted();
  await at?.close();
  at = undefined;
});
afterAll(removeFolders);

const begin = async (options: StandInOptions = {}): Promise<StandIn> => {
  at = await startStandIn(options);
  return at;
};
const app = (): Promise<string> =>
  makeFolder({ 'signalbox.yaml': 'app: shop\nservices: { web: { run: node server.js } }\n', 'server.js': '' });
const deploy = async (standIn: StandIn, ...words: string[]): Promise<Ran> =>
  runCli(['deploy', ...words], { home: standIn.home.root, cwd: await app() });

describe('a deploy', () => {
  it('sends the source as a real bundle, waits for the end and prints one object', async () => {
    let heads = '';
    const standIn = await begin({
      onDeploy: succeed,
      commands: {
        async receiveSource({ file, ref }) {
          heads = spawnSync('git', ['bundle', 'list-heads', file], { encoding: 'utf8' }).stdout;
          return {
            sha: /^[0-9a-f]{40}/.exec(heads.split('\n').find((line) => line.endsWith(ref)) ?? '')?.[0] ?? '',
            subject: 'First',
            author: 'A',
          };
        },
      },
    });
    const ran = await deploy(standIn, '--json');
    expect([ran.code, ran.err]).toEqual([0, '']);
    const outcome = onlyJson(ran) as Outcome;
    expect(outcome).toMatchObject({
      rolloutId: 'r1',
      app: 'shop',
      environment: 'production',
      release: 'v1',
      phase: 'succeeded',
      durationMs: 1000,
      switchMs: 12,
      requests: { served: 120, dropped: 0 },
    });
    expect(outcome.steps.every((step) => step.state === 'done')).toBe(true);
    expect(outcome).not.toHaveProperty('reason');
    const sent = standIn.calls.find(([name]) => name === 'deploy')?.[1] as { sha: string };
    expect(heads).toContain(sent.sha);
    expect(sent).toMatchObject({ app: 'shop', environment: 'production', dirty: false, folder: '.' });
  });

  it('tells people line by line what happens, and how it ended', async () => {
    const { code, out, err } = await deploy(await begin({ onDeploy: succeed }));
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('shop/production v1: rollout r1');
    expect(out).toContain('bake 1m: done');
    expect(out).toMatch(/✓ v1 is live and proven after 1\.0 s \(switch 12 ms\); 120 requests served, 0 dropped\.\n$/);
    expect(out).not.toContain('\u001b');
  });

  it('that was rolled back ends with 3, the reason and the last words of the app', async () => {
    const reason = { code: 'UNHEALTHY', message: 'It answers /health with 500.', service: 'web', log: ['boom \u001b[31mred'] };
    const onDeploy: StandInOptions['onDeploy'] = (id, standIn) =>
      standIn.move(id, { phase: 'rolled-back', reason, trafficMoved: true, from: idOf(9), times: { ...times, restoreMs: 31 } });
    const people = await deploy(await begin({ onDeploy }));
    expect(people.code).toBe(3);
    expect(people.out).toContain('v1 was rolled back in 31 ms; v9 has all traffic.');
    expect(people.out).toContain('why:  web: It answers /health with 500. [UNHEALTHY]');
    expect(people.out).toContain('| boom red');
    await at?.close();
    const script = await deploy(await begin({ onDeploy }), '--json');
    expect(script.code).toBe(3);
    expect(onlyJson(script)).toMatchObject({ phase: 'rolled-back', reason });
  });

  it.each(['failed', 'cancelled', 'superseded'] as const)('that %s ends with 1', async (phase) => {
    const ran = await deploy(await begin({ onDeploy: (id, standIn) => standIn.move(id, { phase, times }) }), '--json');
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({ phase });
  });

  it('that is held for a person ends with 1 and says what a person can do', async () => {
    const reason = { code: 'GATE_TIMEOUT', message: 'Too little traffic to judge.' };
    const { code, out } = await deploy(
      await begin({ onDeploy: (id, standIn) => standIn.move(id, { phase: 'held', heldIn: 'shifting', reason }) }),
    );
    expect(code).toBe(1);
    expect(out).toContain('signalbox promote');
  });

  it('that somebody pauses is waited for until it goes on', async () => {
    const standIn = await begin({
      onDeploy: async (id, to) => {
        await to.move(id, { phase: 'held', heldIn: 'baking', reason: { code: 'PAUSED', message: 'Paused by a person.' } });
      },
    });
    const running = startCli(['deploy'], { home: standIn.home.root, cwd: await app() });
    await expect.poll(running.out, { timeout: 10_000 }).toContain('held: Paused by a person.');
    await standIn.move('r1', { phase: 'succeeded', reason: null, times });
    expect((await running.done).code).toBe(0);
  });

  it('--until live returns while the bake goes on', async () => {
    const standIn = await begin({ onDeploy: (id, to) => to.move(id, { phase: 'baking', step: 0, stepServed: true }) });
    const ran = await deploy(standIn, '--until', 'live', '--json');
    expect(ran.code).toBe(0);
    expect(onlyJson(ran)).toMatchObject({ phase: 'baking', live: true });
  });

  it('--detach returns at once with where it stands', async () => {
    const ran = await deploy(await begin(), '--detach', '--json');
    expect(ran.code).toBe(0);
    expect(onlyJson(ran)).toMatchObject({ rolloutId: 'r1', phase: 'queued', detached: true });
  });

  it('passes strategy, environment and --dirty on', async () => {
    const standIn = await begin();
    const folder = await app();
    writeFileSync(join(folder, 'new.js'), '');
    const ran = await runCli(['deploy', folder, '--dirty', '--strategy', 'canary', '--env', 'staging', '--detach', '--json'], {
      home: standIn.home.root,
    });
    expect(ran.code).toBe(0);
    expect(standIn.calls.find(([name]) => name === 'deploy')?.[1]).toMatchObject({
      dirty: true,
      strategy: 'canary',
      environment: 'staging',
    });
  });

  it('says which files are not part of it', async () => {
    const standIn = await begin();
    const folder = await app();
    writeFileSync(join(folder, 'forgotten.js'), '');
    const { err } = await runCli(['deploy', '--detach'], { home: standIn.home.root, cwd: folder });
    expect(err).toContain('forgotten.js');
    expect(err).toContain('--dirty');
  });

  it('that is refused says why, and ends with 1', async () => {
    const refuse = {
      deploy: () =>
        Promise.reject(
          new SignalboxError('CONFIG_INVALID', 'signalbox.yaml:2:3 services.web.replica is unknown; did you mean replicas?'),
        ),
    };
    const script = await deploy(await begin({ commands: refuse }), '--json');
    expect(script.code).toBe(1);
    expect(onlyJson(script)).toEqual({
      error: {
        code: 'CONFIG_INVALID',
        message: 'signalbox.yaml:2:3 services.web.replica is unknown; did you mean replicas?',
        hint: 'Mend the line named in the message.',
        retryable: false,
      },
    });
  });

  it('outside of a git repository says what to do instead', async () => {
    const standIn = await begin();
    const folder = await makeFolder({ 'index.html': '' }, { git: false });
    const ran = await runCli(['deploy', '--json'], { home: standIn.home.root, cwd: folder });
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({ error: { code: 'NO_SOURCE', hint: expect.stringContaining('--dirty') as unknown } });
  });
});

describe('a control plane that goes away in the middle', () => {
  it('is looked for until it is back, and no result is lost', async () => {
    const standIn = await begin({ onDeploy: (id, to) => to.move(id, { phase: 'preparing' }) });
    const running = startCli(['deploy'], { home: standIn.home.root, cwd: await app() });
    await expect.poll(running.out, { timeout: 10_000 }).toContain('rollout r1');
    await standIn.restart(400);
    await expect.poll(running.out, { timeout: 10_000 }).toContain('The control plane is back.');
    await standIn.move('r1', { phase: 'succeeded', times });
    const { code, out } = await running.done;
    expect(code).toBe(0);
    expect(out).toContain('The control plane is away; looking for it.');
    expect(out).toContain('v1 is live and proven');
  });

  it('that decided while nobody watched is believed', async () => {
    const standIn = await begin({ onDeploy: (id, to) => to.move(id, { phase: 'preparing' }) });
    const running = startCli(['deploy', '--json'], { home: standIn.home.root, cwd: await app() });
    await expect.poll(() => standIn.calls.some(([name]) => name === 'deploy'), { timeout: 10_000 }).toBe(true);
    const back = standIn.restart(300);
    await standIn.move('r1', { phase: 'rolled-back', times });
    await back;
    const ran = await running.done;
    expect(ran.code).toBe(3);
    expect(onlyJson(ran)).toMatchObject({ phase: 'rolled-back' });
  });
});

describe('an answer that is lost on the way', () => {
  it('does not make a second rollout of the first', async () => {
    const standIn = await begin({ onDeploy: succeed });
    let cut = 0;
    const middle = createServer((client) => {
      const server = connect(standIn.api.port, '127.0.0.1');
      client.on('error', () => undefined).on('close', () => server.destroy());
      server.on('error', () => undefined).on('close', () => client.destroy());
      client.on('data', (chunk: Buffer) => {
        server.write(chunk);
        if (cut > 0 || !chunk.includes('/deploys')) return;
        cut += 1;
        server.removeAllListeners('data').once('data', () => client.destroy());
      });
      server.on('data', (chunk: Buffer) => client.write(chunk));
    });
    middle.listen(0, '127.0.0.1');
    await once(middle, 'listening');
    try {
      const env = { SIGNALBOX_URL: `http://127.0.0.1:${(middle.address() as AddressInfo).port}`, SIGNALBOX_TOKEN: standIn.token };
      const sha = 'a'.repeat(40);
      await standIn.write({});
      const ran = await runCli(['deploy', '--json'], { home: standIn.home.root, cwd: await app(), env });
      expect(cut).toBe(1);
      expect([ran.code, ran.err]).toEqual([0, '']);
      expect(onlyJson(ran)).toMatchObject({ rolloutId: 'r1', phase: 'succeeded' });
      expect(standIn.calls.filter(([name]) => name === 'deploy')).toHaveLength(1);
      expect(standIn.calls.find(([name]) => name === 'deploy')?.[1]).toMatchObject({ sha });
    } finally {
      middle.close();
    }
  });
});

describe('Ctrl-C', () => {
  it('stops the watching, not the rollout, and says how to go on', async () => {
    const standIn = await begin();
    const running = startCli(['deploy'], { home: standIn.home.root, cwd: await app() });
    await expect.poll(running.out, { timeout: 10_000 }).toContain('rollout r1');
    running.child.kill('SIGINT');
    const { code, out } = await running.done;
    expect(code).toBe(130);
    expect(out).toContain('signalbox rollouts show r1 --follow');
    expect(standIn.calls.filter(([name]) => name === 'steer')).toEqual([]);
  });
});

describe('a remote control plane', () => {
  it('is reached by address and token, and --home means this machine all the same', async () => {
    const standIn = await begin({ onDeploy: succeed });
    const elsewhere = mkdtempSync(join(tmpdir(), 'sb-else-'));
    try {
      const env = { SIGNALBOX_URL: standIn.url, SIGNALBOX_TOKEN: standIn.token };
      const ran = await runCli(['deploy', '--json'], { home: elsewhere, cwd: await app(), env });
      expect([ran.code, ran.err]).toEqual([0, '']);
      const wrong = await runCli(['status', '--json'], {
        home: elsewhere,
        env: { ...env, SIGNALBOX_TOKEN: 'not-the-token-at-all' },
      });
      expect(onlyJson(wrong)).toMatchObject({ error: { code: 'UNAUTHORISED' } });
      expect(wrong.code).toBe(1);
      expect((await runCli(['status', '--home', elsewhere], { home: elsewhere, env })).code).toBe(4);
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });
});
