import { chown, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AcceptedBody, PlanBody, RolloutBody } from '../../src/api/contract.ts';
import { waitFor } from '../../bench/kit/processes.ts';
import { oneService, quickHealth } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;

/** SIGTERM, as a service manager sends it. */
async function endControlPlane(): Promise<void> {
  for (const { pid } of (await site.installation.parts()).controlPlane) process.kill(pid, 'SIGTERM');
  await expect.poll(async () => (await site.installation.parts()).controlPlane.length, { timeout: 10_000 }).toBe(0);
}

beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

interface Who {
  readonly version: string;
  readonly pid: number;
}
const root = process.getuid?.() === 0;
const versioned = (app: string, version: string, rest = {}) => ({
  fixture: 'healthy',
  settings: oneService(app, { env: { VERSION: version } }, rest),
});

test('environments have hosts, variables and releases of their own', async () => {
  const app = await site.app('envs');
  const environments = {
    staging: { hosts: { web: 'staging.envs.localhost' }, env: { STAGE: 'staging' } },
  };
  await app.commit(versioned('envs', '1', { environments }));
  await site.installation.deploy(app.folder);
  await app.commit(versioned('envs', '2', { environments }));
  const { release } = await site.installation.deploy(app.folder, '--env', 'staging');
  expect(release).toBe('v1');
  expect(await site.json<Who>('envs.localhost')).toMatchObject({ version: '1' });
  expect(await site.json<Who>('staging.envs.localhost')).toMatchObject({ version: '2' });
  expect(await site.json('staging.envs.localhost', '/env?name=STAGE')).toEqual({ value: 'staging' });
  expect(await site.json('envs.localhost', '/env?name=STAGE')).toEqual({ value: null });
  const nowhere = await site.installation.cli('deploy', app.folder, '--env', 'nowhere', '--json');
  expect(nowhere.exitCode).toBe(1);
  expect(nowhere.stdout).toContain('UNKNOWN_ENVIRONMENT');
});

test('a rollback within the bake is one switch back to the warm release, without a request dropped', async () => {
  const app = await site.app('warm');
  await app.commit(versioned('warm', '1'));
  await site.installation.deploy(app.folder);
  const first = await site.json<Who>('warm.localhost');
  await app.commit(versioned('warm', '2', { strategy: { bake: '5m' } }));
  await site.installation.deploy(app.folder, '--until', 'live');
  const visits = await site.visit('warm.localhost');
  const back = await site.installation.cli('rollback', '--app', 'warm', '--until', 'live', '--json');
  expect(back.exitCode, back.stdout + back.stderr).toBe(0);
  expect(await site.json<Who>('warm.localhost')).toEqual(first);
  const body = JSON.parse(back.stdout) as RolloutBody;
  expect(body.switchMs).toBeLessThan(1000);
  expect(losses(await visits.stop())).toEqual(noLosses);
  const again = await site.installation.cli('rollback', '--app', 'warm', '--to', 'v9', '--json');
  expect(again.exitCode).toBe(1);
  expect(again.stdout).toContain('NO_KEPT_RELEASE');
});

test('a canary is paused, resumed, promoted and aborted by hand', async () => {
  const app = await site.app('canary');
  const strategy = { type: 'canary', steps: ['50%'], bake: '5m' };
  await app.commit(versioned('canary', '1'));
  await site.installation.deploy(app.folder);
  const steer = async (verb: string) => await site.installation.cli(verb, '--app', 'canary', '--json');
  const deploy = async (version: string): Promise<string> => {
    await app.commit(versioned('canary', version, { strategy }));
    const { stdout } = await site.installation.cli('deploy', app.folder, '--detach', '--json');
    return (JSON.parse(stdout) as AcceptedBody).rolloutId;
  };
  const rollout = async (id: string) => await site.installation.api<RolloutBody>('GET', `/v1/rollouts/${id}`);
  const reaches = async (id: string, phase: string): Promise<RolloutBody> =>
    await waitFor(`${phase} of ${id}`, 15_000, async () => {
      const now = await rollout(id);
      return now.phase === phase ? now : undefined;
    });

  const second = await deploy('2');
  const split = await reaches(second, 'shifting');
  expect(split.weights.toSorted((a, b) => a.release.localeCompare(b.release))).toEqual([
    { release: 'v1', percent: 50 },
    { release: 'v2', percent: 50 },
  ]);
  for (const verb of ['pause', 'pause']) expect((await steer(verb)).exitCode).toBe(0);
  expect((await reaches(second, 'held')).reason).toMatchObject({ code: 'PAUSED' });
  expect((await steer('resume')).exitCode).toBe(0);
  await reaches(second, 'shifting');
  expect((await steer('promote')).exitCode).toBe(0);
  expect((await reaches(second, 'baking')).live).toBe(true);
  expect((await steer('abort')).exitCode).toBe(0);
  expect((await reaches(second, 'rolled-back')).reason).toMatchObject({ code: 'ABORTED' });
  expect(await site.json<Who>('canary.localhost')).toMatchObject({ version: '1' });

  const finished = await site.installation.cli('abort', '--rollout', second, '--json');
  const unknown = await site.installation.cli('abort', '--rollout', 'nothing', '--json');
  for (const refused of [finished, unknown]) {
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain('NO_ACTIVE_ROLLOUT');
  }
});

test('held and stopped traffic stays so over a restart of the control plane; then everything held is served', async () => {
  const app = await site.app('gate');
  await app.commit(versioned('gate', '1'));
  await site.installation.deploy(app.folder);
  const traffic = async (...words: string[]) =>
    expect((await site.installation.cli('traffic', ...words, '--app', 'gate')).exitCode).toBe(0);
  const restart = async (): Promise<void> => {
    await endControlPlane();
    await site.installation.up();
  };
  await traffic('stop', '--message', 'Back at noon');
  await restart();
  const stopped = await site.ask('gate.localhost');
  expect(stopped.status).toBe(503);
  expect(stopped.body).toContain('Back at noon');
  await traffic('hold');
  const held = [1, 2, 3].map(async () => await site.ask('gate.localhost'));
  await restart();
  expect(await site.environment('gate')).toMatchObject({ traffic: 'hold' });
  await traffic('open');
  expect((await Promise.all(held)).map((answer) => answer.status)).toEqual([200, 200, 200]);
});

test('a newer deploy supersedes the one that runs and leaves no instance of it behind', async () => {
  const others = await site.instancePids();
  const app = await site.app('hurry');
  await app.commit(versioned('hurry', '1'));
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'slow-start', settings: oneService('hurry', { env: { START_MS: '8000' }, health: quickHealth }) });
  const overtaken = site.attempt(app);
  await waitFor('the start of v2', 10_000, async () =>
    (await site.environment('hurry')).rollout?.phase === 'starting' ? true : undefined,
  );
  await app.commit(versioned('hurry', '3'));
  const outcome = await site.installation.deploy(app.folder);
  expect(outcome).toMatchObject({ release: 'v3', phase: 'succeeded' });
  expect(await overtaken).toMatchObject({ exitCode: 1, outcome: { phase: 'superseded' } });
  const { pid } = await site.json<Who>('hurry.localhost');
  await site.untilOnly([...others, pid]);
});

test('a static site switches at once, runs no process, and keeps the assets of the release before', async () => {
  const before = await site.instancePids();
  const app = await site.app('brochure');
  const settings = { app: 'brochure', services: { site: { static: '.' } }, strategy: { bake: '500ms' } };
  const page = (version: number): Readonly<Record<string, string>> => ({
    'index.html': `<script src="/assets/app-${version}0c4d2e1f.js"></script>`,
    [`assets/app-${version}0c4d2e1f.js`]: `// ${version}`,
  });
  const yaml = JSON.stringify({ ...settings, services: { site: { static: '.', route: { host: 'brochure.localhost' } } } });
  await app.commit({ files: { ...page(1), 'signalbox.yaml': yaml } });
  await site.installation.deploy(app.folder);
  const visits = await site.visit('brochure.localhost');
  await app.commit({ files: { ...page(2), 'signalbox.yaml': yaml } });
  await site.installation.deploy(app.folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect((await site.ask('brochure.localhost')).body).toContain('app-2');
  expect((await site.ask('brochure.localhost', '/assets/app-10c4d2e1f.js')).body).toBe('// 1');
  expect((await site.ask('brochure.localhost', '/assets/missing.js')).status).toBe(404);
  expect(await site.instancePids()).toEqual(before);
});

test('a persist folder outlives releases and is one for all instances', async () => {
  const app = await site.app('keeps');
  const settings = (version: string) => oneService('keeps', { persist: ['uploads'], replicas: 2, env: { VERSION: version } });
  await app.commit({ fixture: 'healthy', settings: settings('1') });
  await site.installation.deploy(app.folder);
  expect((await site.ask('keeps.localhost', '/file?name=uploads/a.txt&text=kept', { method: 'POST' })).status).toBe(200);
  expect((await site.ask('keeps.localhost', '/file?name=scratch.txt&text=lost', { method: 'POST' })).status).toBe(200);
  await app.commit({ fixture: 'healthy', settings: settings('2') });
  await site.installation.deploy(app.folder);
  const seen = new Set<number>();
  await waitFor('an answer of each instance', 10_000, async () => {
    seen.add((await site.json<Who>('keeps.localhost')).pid);
    expect(await site.json('keeps.localhost', '/file?name=uploads/a.txt')).toEqual({ text: 'kept' });
    return seen.size === 2 ? true : undefined;
  });
  expect((await site.ask('keeps.localhost', '/file?name=scratch.txt')).status).toBe(500);
});

test('a control plane that is told to end leaves all others alone; the next takes over the same processes, no request dropped', async () => {
  const app = await site.app('stays');
  await app.commit(versioned('stays', '1'));
  await site.installation.deploy(app.folder);
  const before = await site.installation.parts();
  const visits = await site.visit('stays.localhost');
  await endControlPlane();
  const offline = await site.installation.cli('status', '--json');
  expect(offline.exitCode).toBe(4);
  await site.installation.up();
  const after = await site.installation.parts();
  const pids = (parts: typeof before) => ({
    keeper: parts.keeper.map((p) => p.pid),
    workers: parts.workers.map((p) => p.pid),
    instances: parts.instances.map((p) => p.pid).toSorted((a, b) => a - b),
  });
  expect(pids(after)).toEqual(pids(before));
  expect(await site.environment('stays')).toMatchObject({ release: 'v1', drift: [], rollout: null });
  expect(losses(await visits.stop())).toEqual(noLosses);
});

test('down ends control plane, keeper and proxy and no instance; up brings the traffic back to the same ones', async () => {
  const app = await site.app('waits');
  await app.commit(versioned('waits', '1'));
  await site.installation.deploy(app.folder);
  const before = await site.installation.parts();
  expect((await site.installation.cli('down')).exitCode).toBe(0);
  const between = await site.installation.parts();
  expect([between.controlPlane, between.keeper, between.workers].flat().filter(Boolean)).toEqual([]);
  await site.installation.up();
  const pids = (parts: typeof before): number[] => parts.instances.map((p) => p.pid).toSorted((a, b) => a - b);
  expect(pids(between)).toEqual(pids(before));
  expect(pids(await site.installation.parts())).toEqual(pids(before));
  expect((await site.ask('waits.localhost')).status).toBe(200);
});

test('plan prints the operations and changes nothing', async () => {
  const app = await site.app('planned');
  await app.commit(versioned('planned', '1'));
  const { home } = site.installation;
  const look = async () => ({
    artifacts: await readdir(join(home, 'artifacts')),
    instances: await site.instancePids(),
    environments: (await site.installation.status()).environments.length,
    events: (await site.installation.api<{ items: unknown[] }>('GET', '/v1/events?limit=500')).items.length,
  });
  const before = await look();
  const { exitCode, stdout } = await site.installation.cli('plan', app.folder, '--json');
  expect(exitCode).toBe(0);
  const plan = JSON.parse(stdout) as PlanBody;
  expect(plan).toMatchObject({ release: 'v1' });
  expect(plan.operations.join('\n')).toMatch(/build web[\s\S]*start web[\s\S]*move all traffic[\s\S]*bake 1s/);
  expect(await look()).toEqual(before);
});

test('values of variables appear in no log, event or answer of the API', async () => {
  const secret = 'correct-horse-battery-staple';
  const app = await site.app('discreet');
  await app.commit({ fixture: 'healthy', settings: oneService('discreet', { env: { API_KEY: secret } }) });
  await site.installation.deploy(app.folder);
  expect(await site.json('discreet.localhost', '/env?name=API_KEY')).toEqual({ value: secret });
  await app.commit({ fixture: 'crash-on-start', settings: oneService('discreet', { env: { API_KEY: secret } }) });
  const { outcome } = await site.attempt(app);
  const said = [JSON.stringify(outcome)];
  for (const words of [['status'], ['events'], ['rollouts'], ['releases'], ['plan', app.folder], ['doctor']]) {
    const { stdout, stderr } = await site.installation.cli(
      ...words,
      ...(words.length === 1 ? ['--app', 'discreet'] : []),
      '--json',
    );
    said.push(stdout, stderr);
  }
  const logs = join(site.installation.home, 'logs');
  for (const entry of await readdir(logs, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) said.push(await readFile(join(entry.parentPath, entry.name), 'utf8'));
  }
  const token = (await readFile(join(site.installation.home, 'keys/api-token'), 'utf8')).trim();
  for (const text of said) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(token);
  }
});

test('a worker without a port: the old one stops before the new one starts', async () => {
  const app = await site.app('mailer');
  const settings = (version: string) => ({
    app: 'mailer',
    services: {
      worker: {
        run: 'node server.js',
        persist: ['journal'],
        health: { upFor: '300ms' },
        env: { VERSION: version, JOURNAL: 'journal/lines' },
        grace: '2s',
      },
    },
    strategy: { bake: '500ms' },
  });
  await app.commit({ fixture: 'worker-without-port', settings: settings('1') });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'worker-without-port', settings: settings('2') });
  await site.installation.deploy(app.folder);
  const journal = join(site.installation.home, 'persist/mailer/production/journal/lines');
  const lines = async (): Promise<string[]> =>
    (await readFile(journal, 'utf8')).split('\n').map((line) => line.split(' ').slice(0, 2).join(' '));
  // Up for 300 ms is healthy; on a busy machine the program has not come to its first line by then.
  await expect.poll(lines, { timeout: 10_000 }).toEqual(['start 1', 'stop 1', 'start 2', '']);
});

test('an app that ignores PORT gets a network of its own, or is refused with its port named', async () => {
  const app = await site.app('stubborn-port');
  const port = 20_000 + (process.pid % 10_000);
  const settings = (version: string) =>
    oneService('stubborn-port', { health: { ...quickHealth, path: '/' }, env: { FIXED_PORT: port, VERSION: version } });
  await app.commit({ fixture: 'port-ignored', settings: settings('1') });
  const { exitCode, outcome } = await site.attempt(app);
  if (!root) {
    expect(exitCode).toBe(1);
    expect(outcome).toMatchObject({ phase: 'failed', reason: { code: 'PORT_IGNORED' } });
    expect(outcome.reason?.message).toContain(String(port));
    return;
  }
  expect(outcome).toMatchObject({ phase: 'succeeded' });
  await app.commit({ fixture: 'port-ignored', settings: settings('2') });
  const visits = await site.visit('stubborn-port.localhost');
  await site.installation.deploy(app.folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  expect(await site.json<Who>('stubborn-port.localhost')).toMatchObject({ version: '2' });
});

test('an app whose port was taken meanwhile gets another one', async () => {
  const app = await site.app('musical-chairs');
  const settings = oneService('musical-chairs', {
    health: { ...quickHealth, path: '/' },
    persist: ['notes'],
    env: { FLAG_FILE: 'notes/taken-port' },
  });
  await app.commit({ fixture: 'port-taken', settings });
  await site.installation.deploy(app.folder);
  expect((await site.ask('musical-chairs.localhost')).status).toBe(200);
});

test('the name of an app belongs to the repository that deployed it first', async () => {
  const first = await site.app('owner');
  await first.commit(versioned('named', '1'));
  await site.installation.deploy(first.folder);
  const second = await site.app('thief');
  await second.commit({ ...versioned('named', '2'), files: { other: 'history' } });
  const { exitCode, stdout } = await site.installation.cli('deploy', second.folder, '--json');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('APP_TAKEN');
  expect(await site.json<Who>('named.localhost')).toMatchObject({ version: '1' });
});

test('a repository that belongs to another user is sent all the same', async (context) => {
  if (!root) return context.skip('needs root to give a folder away');
  const app = await site.app('foreign');
  await app.commit(versioned('foreign', '1'));
  for (const name of ['.', ...(await readdir(app.folder, { recursive: true }))])
    await chown(join(app.folder, name), 65_534, 65_534);
  await site.installation.deploy(app.folder);
  expect(await site.json<Who>('foreign.localhost')).toMatchObject({ version: '1' });
});
