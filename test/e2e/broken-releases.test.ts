import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type App, oneService, quickHealth, type Settings, type Version } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site, visitors } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

interface Broken {
  readonly version: Version;
  readonly exitCode: number;
  readonly phase: 'failed' | 'rolled-back';
  readonly code: string;
  /** A line of the app that the result must show. */
  readonly says?: string;
  readonly within: number;
}

const app = 'patient';
const host = `${app}.localhost`;
const broken = (fixture: string, web: Settings = {}, rest: Settings = {}): Version => ({
  fixture,
  settings: oneService(app, web, rest),
});
const migration = (timeout: string): Settings => ({ release: { run: 'node migrate.js', when: 'always', timeout } });

const cases: Readonly<Record<string, Broken>> = {
  'that crashes on start': {
    version: broken('crash-on-start'),
    exitCode: 1,
    phase: 'failed',
    code: 'INSTANCE_CRASHED',
    says: 'Error: DATABASE_URL is not set',
    within: 12_000,
  },
  'that never gets ready': {
    version: broken('never-ready', { health: { path: '/health', ...quickHealth, deadline: '2s' } }),
    exitCode: 1,
    phase: 'failed',
    code: 'HEALTH_DEADLINE',
    within: 10_000,
  },
  'that opens no port': {
    version: broken('never-ready', { env: { LISTEN: 'no' }, health: { path: '/health', ...quickHealth, deadline: '2500ms' } }),
    exitCode: 1,
    phase: 'failed',
    code: 'HEALTH_DEADLINE',
    says: 'waiting for the database',
    within: 10_000,
  },
  'whose health flaps': {
    version: broken('flapping-health', { health: { path: '/health', ...quickHealth, healthyAfter: 4, deadline: '2s' } }),
    exitCode: 1,
    phase: 'failed',
    code: 'HEALTH_DEADLINE',
    within: 10_000,
  },
  'that fails its smoke check': {
    version: broken('healthy', {}, { smoke: [{ path: '/', contains: 'something else' }] }),
    exitCode: 1,
    phase: 'failed',
    code: 'SMOKE_FAILED',
    within: 10_000,
  },
  'whose migration fails': {
    version: broken('failing-migration', migration('10s')),
    exitCode: 1,
    phase: 'failed',
    code: 'COMMAND_FAILED',
    says: 'error: relation "users" already exists',
    within: 10_000,
  },
  'whose migration hangs': {
    version: broken('hanging-migration', migration('1s')),
    exitCode: 1,
    phase: 'failed',
    code: 'COMMAND_TIMED_OUT',
    says: 'waiting for the lock',
    within: 20_000,
  },
  'that does not build': {
    version: broken('healthy', { build: 'echo "cannot find module left-pad" >&2; exit 7' }),
    exitCode: 1,
    phase: 'failed',
    code: 'BUILD_FAILED',
    says: 'cannot find module left-pad',
    within: 10_000,
  },
  'that dies in the bake': {
    version: broken('dead-in-bake', { env: { LIFE_MS: '2500' } }, { strategy: { bake: '20s' } }),
    exitCode: 3,
    phase: 'rolled-back',
    code: 'INSTANCE_CRASHED',
    says: 'Error: something broke at run time',
    within: 20_000,
  },
};

describe('while the old release serves, a new one', () => {
  let repository: App;
  let good: number[] = [];
  beforeAll(async () => {
    repository = await site.app(app);
    await repository.commit({ fixture: 'healthy', settings: oneService(app) });
    await site.installation.deploy(repository.folder);
  });
  beforeEach(async () => {
    good = await site.instancePids();
    expect(good.length).toBeGreaterThan(0);
  });

  for (const [name, kind] of Object.entries(cases)) {
    test(`${name} is refused with its reason and last lines, and leaves nothing behind`, { timeout: 60_000 }, async () => {
      const serving = await site.json<{ pid: number }>(host);
      await repository.commit(kind.version);
      const visits = await site.visit(host, '/health');
      const { exitCode, outcome } = await site.attempt(repository);
      const report = await visits.stop();
      expect(outcome).toMatchObject({ phase: kind.phase, reason: { code: kind.code } });
      expect(exitCode).toBe(kind.exitCode);
      if (kind.says !== undefined) expect(outcome.reason?.log?.join('\n')).toContain(kind.says);
      expect(outcome.durationMs).toBeLessThan(kind.within);
      // The one that dies has all the traffic: what its visitors had in flight is lost with it, and said. The others met nobody
      // and were answered by the old release.
      if (kind.phase === 'failed') expect(losses(report)).toEqual(noLosses);
      else expect(report.dropped).toBeLessThanOrEqual(visitors);
      expect(outcome.requests.dropped).toBe(report.dropped);
      expect(await site.json<{ pid: number }>(host)).toMatchObject({ pid: serving.pid });
      await site.untilOnly(good);
      // The keeper knows of the last one's end a moment after the system does.
      await expect
        .poll(async () => await site.installation.status(), { timeout: 10_000 })
        .toMatchObject({ environments: [{ release: 'v1', drift: [] }] });
    });
  }

  test('that answers errors after the switch is undone by the bake', { timeout: 60_000 }, async () => {
    const serving = await site.json<{ pid: number }>(host);
    await repository.commit(broken('errors-after-switch', { env: { AFTER_REQUESTS: '30' } }, { strategy: { bake: '30s' } }));
    const visits = await site.visit(host);
    const { exitCode, outcome } = await site.attempt(repository);
    const report = await visits.stop();
    expect(exitCode).toBe(3);
    expect(outcome).toMatchObject({ phase: 'rolled-back', reason: { code: 'BAKE_FAILED' } });
    expect(report.firstDrops.length).toBeGreaterThan(0);
    expect(report.firstDrops.filter((drop) => !drop.detail.startsWith('500'))).toEqual([]);
    expect(outcome.durationMs).toBeLessThan(15_000);
    expect(await site.json<{ pid: number }>(host)).toMatchObject({ pid: serving.pid });
    await site.untilOnly(good);
  });

  test('that leaks beyond its memory limit is undone by the bake', { timeout: 60_000 }, async () => {
    await repository.commit(
      broken(
        'leaks-memory',
        { env: { LEAK_MB_PER_S: '60' }, resources: { memoryMb: 160 }, health: quickHealth },
        { strategy: { bake: '30s' } },
      ),
    );
    const visits = await site.visit(host);
    const { exitCode, outcome } = await site.attempt(repository);
    expect(losses(await visits.stop())).toMatchObject({ appErrors: 0, clientFaults: 0 });
    expect(exitCode).toBe(3);
    expect(outcome).toMatchObject({ phase: 'rolled-back', reason: { code: 'INSTANCE_CRASHED' } });
    expect(outcome.reason?.message).toMatch(/memory/);
    await site.untilOnly(good);
  });

  test('leaves no folder behind either', async () => {
    const { home } = site.installation;
    const left = async (folder: string): Promise<number> => (await readdir(join(home, folder)).catch(() => [])).length;
    const folders = async () => ({
      scratch: await left('scratch'),
      incoming: await left('incoming'),
      trash: await left('artifacts/.trash'),
      instances: await left('keeper/instances'),
    });
    // Taken away after the processes have ended.
    await expect.poll(folders, { timeout: 20_000 }).toEqual({ scratch: 1, incoming: 0, trash: 0, instances: 1 });
  });
});

/** Each goes live, then gives way to a healthy one. */
const stubborn: Readonly<Record<string, Version>> = {
  'ignores SIGTERM': { fixture: 'ignores-sigterm', settings: oneService('stubborn', { drain: '2s' }) },
  'is left on its port by npm start': {
    fixture: 'orphaned-by-npm-start',
    settings: oneService('stubborn', { run: 'npm start', drain: '2s' }),
  },
  'has children in sessions of their own': {
    fixture: 'forks-setsid-children',
    settings: oneService('stubborn', { drain: '2s' }),
  },
};

describe('when it is replaced, a release that', () => {
  for (const [name, version] of Object.entries(stubborn)) {
    test(`${name} drops no request and leaves no process`, { timeout: 60_000 }, async () => {
      const others = await site.instancePids();
      const repository = await site.app(`stubborn-${version.fixture ?? ''}`);
      const named = `stubborn-${version.fixture ?? ''}`;
      const renamed = (settings: Settings | undefined): Settings =>
        JSON.parse(JSON.stringify(settings ?? {}).replaceAll('stubborn', named)) as Settings;
      await repository.commit({ ...version, settings: renamed(version.settings) });
      await site.installation.deploy(repository.folder);
      const old = (await site.instancePids()).filter((pid) => !others.includes(pid));
      const visits = await site.visit(`${named}.localhost`);
      await repository.commit({ fixture: 'healthy', settings: renamed(oneService('stubborn')) });
      const outcome = await site.installation.deploy(repository.folder);
      const { pid } = await site.json<{ pid: number }>(`${named}.localhost`);
      expect(losses(await visits.stop())).toEqual(noLosses);
      expect(outcome.requests.dropped).toBe(0);
      expect(old).not.toContain(pid);
      await site.untilOnly([...others, pid]);
    });
  }
});

test('floods of log lines are bounded on disk and the app goes on', { timeout: 60_000 }, async () => {
  const repository = await site.app('floods');
  await repository.commit({
    fixture: 'floods-logs',
    settings: oneService(
      'floods',
      { env: { FLOOD_MB: '150', FLOOD_MB_PER_S: '60' }, health: quickHealth },
      { strategy: { bake: '4s' } },
    ),
  });
  await site.installation.deploy(repository.folder);
  const [workload] = await readdir(join(site.installation.home, 'logs/floods/production'));
  const folder = join(site.installation.home, 'logs/floods/production', workload ?? '');
  expect(await bytesIn(folder)).toBeLessThan(100 * 1024 * 1024);
  expect((await site.ask('floods.localhost')).status).toBe(200);
});

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
