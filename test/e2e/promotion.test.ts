import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EnvironmentBody, EventBody, ListBody, PlanBody } from '../../src/api/contract.ts';
import type { DiffBody, PromotedFromBody } from '../../src/api/contract/environments.ts';
import { oneService, type Settings } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

interface Who {
  readonly version: string;
  readonly pid: number;
}

const built = (app: string, version: string, production: Settings = {}): Settings =>
  oneService(
    app,
    { build: `echo ${version} > built.txt`, env: { VERSION: version, STAGE: 'none' } },
    {
      environments: {
        staging: { hosts: { web: `staging.${app}.localhost` }, env: { STAGE: 'staging' } },
        production: { env: { STAGE: 'production' }, ...production },
      },
    },
  );
const buildLogs = async (app: string): Promise<number> =>
  (await readdir(join(site.installation.home, 'logs', app, 'builds'))).length;

/** The app by its name alone, from a folder that has nothing to do with it. */
async function elsewhere(...words: string[]): Promise<{ exitCode: number; out: string }> {
  const { exitCode, stdout, stderr } = await site.installation.cli(...words, '--json');
  return { exitCode, out: stdout === '' ? stderr : stdout };
}
const refusal = (ran: { readonly out: string }): string => (JSON.parse(ran.out) as { error: { code: string } }).error.code;

test('what staging has tested is promoted under load as it was built: built once, the same key, no request dropped', async () => {
  const app = await site.app('promoted');
  await app.commit({ fixture: 'healthy', settings: built('promoted', '1') });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'healthy', settings: built('promoted', '2') });
  await site.installation.deploy(app.folder, '--env', 'staging');
  const builds = await buildLogs('promoted');
  expect(builds).toBe(2);
  // Neither the commit nor the repository is asked for any more.
  await rm(app.folder, { recursive: true });
  const plan = await elsewhere('plan', '--from', 'staging', '--app', 'promoted');
  expect((JSON.parse(plan.out) as PlanBody).operations[0]).toMatch(
    /^use build of web \([0-9a-f]{12}\) as promoted\/staging\/v1 was tested/,
  );
  const visits = await site.visit('promoted.localhost');
  const ran = await elsewhere('deploy', '--from', 'staging', '--app', 'promoted', '--owner', 'Ana');
  expect(ran.exitCode, ran.out).toBe(0);
  expect(losses(await visits.stop())).toEqual(noLosses);
  const outcome = JSON.parse(ran.out) as { phase: string; release: string; promotedFrom: PromotedFromBody; requests: object };
  expect(outcome).toMatchObject({ phase: 'succeeded', release: 'v2', promotedFrom: { environment: 'staging', release: 'v1' } });
  expect(outcome.requests).toMatchObject({ dropped: 0 });
  expect(await buildLogs('promoted')).toBe(builds);
  const api = async <Body>(path: string): Promise<Body> => await site.installation.api<Body>('GET', path);
  const environments = '/v1/apps/promoted/environments';
  const [staging, production] = await Promise.all(
    ['staging', 'production'].map(async (name) => await api<EnvironmentBody>(`${environments}/${name}`)),
  );
  const keys = outcome.promotedFrom.keys;
  for (const shown of [staging, production]) expect(shown?.declared?.services.map((s) => s.key)).toEqual([keys['web']]);
  // The very same folder is what runs in both.
  const artifact = join(site.installation.home, 'artifacts', 'promoted', keys['web'] ?? '', 'built.txt');
  expect(await readFile(artifact, 'utf8')).toBe('2\n');
  expect(await site.json<Who>('promoted.localhost')).toMatchObject({ version: '2' });
  expect(await site.json('promoted.localhost', '/env?name=STAGE')).toEqual({ value: 'production' });
  expect(await site.json('staging.promoted.localhost', '/env?name=STAGE')).toEqual({ value: 'staging' });
  const diff = await api<DiffBody>(`${environments}/staging/diff?with=production`);
  expect(diff).toMatchObject({
    sameBuilds: true,
    services: [{ replicas: [1, 1], variables: { onlyFirst: [], onlySecond: [], different: ['STAGE'] } }],
  });
  const { items } = await api<ListBody<EventBody>>('/v1/events?app=promoted&environment=production&limit=500');
  const told = items.filter((event) => event.type === 'deploy.accepted').at(-1)?.body;
  expect(told).toMatchObject({ by: 'Ana', promotedFrom: { environment: 'staging', release: 'promoted/staging/v1', keys } });
});

test('a promotion of what still bakes, or whose build is gone, is refused and builds nothing', async () => {
  const app = await site.app('unproven');
  const settings = { ...built('unproven', '1'), strategy: { bake: '5m' } };
  await app.commit({ fixture: 'healthy', settings });
  await site.installation.deploy(app.folder, '--env', 'staging', '--until', 'live');
  expect(refusal(await elsewhere('deploy', '--from', 'staging', '--app', 'unproven'))).toBe('PROMOTION_UNPROVEN');
  const artifacts = join(site.installation.home, 'artifacts', 'unproven');
  const [key = ''] = await readdir(artifacts);
  const before = await buildLogs('unproven');
  await rm(join(artifacts, key, '.signalbox-artifact.json'), { force: true });
  expect(refusal(await elsewhere('deploy', '--from', 'staging', '--app', 'unproven', '--force'))).toBe('ARTIFACT_MISSING');
  expect(await buildLogs('unproven')).toBe(before);
  expect((await site.ask('unproven.localhost')).status).toBe(404);
});

test('a lock keeps others away and not the way back; a freeze is gone through by force alone', async () => {
  const app = await site.app('guarded');
  const freezes = [{ from: '2020-01-01', to: '2099-12-31', reason: 'audit' }];
  await app.commit({ fixture: 'healthy', settings: built('guarded', '1') });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'healthy', settings: built('guarded', '2', { freezes }) });
  const closed = await site.installation.cli('deploy', app.folder, '--json');
  expect([closed.exitCode, refusal({ out: closed.stdout })]).toEqual([1, 'DEPLOY_WINDOW_CLOSED']);
  expect(await site.json<Who>('guarded.localhost')).toMatchObject({ version: '1' });
  await site.installation.deploy(app.folder, '--force-window', 'the shop is down');
  expect(await site.json<Who>('guarded.localhost')).toMatchObject({ version: '2' });

  expect((await elsewhere('env', 'lock', 'production', '--reason', 'audit', '--owner', 'Ana', '--app', 'guarded')).exitCode).toBe(
    0,
  );
  expect((await site.environment('guarded')).lock).toMatchObject({ owner: 'Ana', reason: 'audit' });
  const others = await site.installation.cli('deploy', app.folder, '--owner', 'Ben', '--force-window', 'x', '--json');
  expect(refusal({ out: others.stdout })).toBe('ENVIRONMENT_LOCKED');
  expect(refusal(await elsewhere('traffic', 'stop', '--owner', 'Ben', '--app', 'guarded'))).toBe('ENVIRONMENT_LOCKED');
  expect((await site.ask('guarded.localhost')).status).toBe(200);
  const back = await elsewhere('rollback', '--app', 'guarded');
  expect(back.exitCode, back.out).toBe(0);
  expect(await site.json<Who>('guarded.localhost')).toMatchObject({ version: '1' });
  expect(refusal(await elsewhere('env', 'unlock', 'production', '--owner', 'Ben', '--app', 'guarded'))).toBe(
    'ENVIRONMENT_LOCKED',
  );
  expect((await elsewhere('env', 'unlock', 'production', '--owner', 'Ana', '--app', 'guarded')).exitCode).toBe(0);
  expect((await site.environment('guarded')).lock).toBeUndefined();
});

test('sync starts an accessory anew that a release has changed, says so, and finds nothing to do after it', async () => {
  const app = await site.app('drifts');
  const answering =
    "require('http').createServer((_, answer) => answer.end(process.env.MODE)).listen(process.env.PORT, '127.0.0.1')";
  const settings = (version: string, mode: string): Settings => ({
    ...built('drifts', version),
    accessories: { echo: { type: 'custom', run: `node -e "${answering}"`, env: { MODE: mode } } },
  });
  const mode = async (): Promise<string> => {
    const address = (await site.environment('drifts')).accessories[0]?.address ?? '';
    return (await site.ask('echo.localhost', '/', { port: Number(address.split(':').at(-1)) })).body;
  };
  await app.commit({ fixture: 'healthy', settings: settings('1', 'one') });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'healthy', settings: settings('2', 'two') });
  await site.installation.deploy(app.folder);
  expect(await mode()).toBe('one');
  const locked = await elsewhere('env', 'lock', '--reason', 'x', '--owner', 'Ana', '--app', 'drifts');
  expect(locked.exitCode, locked.out).toBe(0);
  expect(refusal(await elsewhere('env', 'sync', '--owner', 'Ben', '--app', 'drifts'))).toBe('ENVIRONMENT_LOCKED');
  const synced = await elsewhere('env', 'sync', '--owner', 'Ana', '--app', 'drifts');
  expect([synced.exitCode, JSON.parse(synced.out)]).toMatchObject([0, { applied: ['echo'], after: [] }]);
  await expect.poll(mode, { timeout: 10_000 }).toBe('two');
  const again = await elsewhere('env', 'sync', '--owner', 'Ana', '--app', 'drifts');
  expect(JSON.parse(again.out)).toMatchObject({ applied: [], before: [], after: [] });
});
