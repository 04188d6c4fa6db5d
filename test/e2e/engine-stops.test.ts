import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../bench/kit/processes.ts';
import { baseImage } from '../../scripts/docker-engine.js';
import type { AcceptedBody, EventBody, ListBody, RolloutBody } from '../../src/api/contract.ts';
import { makeOwnEngine, type OwnEngine, whyNoOwnEngine } from '../docker/own-engine.ts';
import { type App, oneService, quickHealth, type Settings } from './kit/apps.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

const run = promisify(execFile);
const missing = whyNoOwnEngine();
let engine: OwnEngine;
let site: Site;

beforeAll(async () => {
  if (missing !== null) return;
  engine = await makeOwnEngine();
  site = await openSite({ SIGNALBOX_RUNTIME: 'docker', SIGNALBOX_DOCKER_HOST: engine.host, SIGNALBOX_BASE_IMAGE: baseImage });
});
afterAll(async () => {
  if (missing !== null) return;
  await engine.start();
  expect(await site.stop()).toBe(0);
  await engine.remove();
});
const it = (title: string, tell: () => Promise<void>): void =>
  test(title, async (context) => {
    if (missing !== null) return context.skip(missing);
    await tell();
  });

const docker = async (...words: string[]): Promise<string[]> =>
  (await run('docker', ['--host', engine.host, ...words], { maxBuffer: 16 * 1024 * 1024 })).stdout
    .split('\n')
    .filter((line) => line !== '');
/** Address of each running container of an app, by its id. */
async function containersOf(app: string): Promise<ReadonlyMap<string, string>> {
  const ids = await docker('ps', '--quiet', '--no-trunc', '--filter', `label=signalbox.app=${app}`);
  const format = '{{.Id}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const each = await Promise.all(ids.map((id) => docker('inspect', '--format', format, id).catch(() => [])));
  // One that has just ended has no address any more.
  return new Map(each.flatMap(([line = '']) => (/ \d/.test(line) ? [line.split(' ') as [string, string]] : [])));
}
const addressesOf = async (app: string): Promise<string[]> => [...(await containersOf(app)).values()].toSorted();

/** Two instances, and a bake that an engine's absence falls into. */
const settingsOf = (app: string, version: string, rest: Settings = {}): Settings =>
  oneService(
    app,
    { replicas: 2, env: { VERSION: version }, health: { path: '/health', ...quickHealth, deadline: '60s' } },
    { strategy: { bake: '4s' }, ...rest },
  );

/** Version 1 proven, version 2 baking. */
async function baking(name: string): Promise<{ app: App; rolloutId: string }> {
  const app = await site.app(name);
  await app.commit({ fixture: 'healthy', settings: settingsOf(name, '1', { strategy: { bake: '100ms' } }) });
  await site.installation.deploy(app.folder);
  await app.commit({ fixture: 'healthy', settings: settingsOf(name, '2') });
  return { app, rolloutId: await begin(app, 'baking') };
}
/** Deploys and comes back when the rollout is there. @returns its id. */
async function begin(app: App, phase: RolloutBody['phase']): Promise<string> {
  const { stdout } = await site.installation.cli('deploy', app.folder, '--detach', '--json');
  const { rolloutId } = JSON.parse(stdout) as AcceptedBody;
  await waitFor(`${phase} of ${rolloutId}`, 60_000, async () => ((await rollout(rolloutId)).phase === phase ? true : undefined));
  return rolloutId;
}
const rollout = async (id: string): Promise<RolloutBody> => await site.installation.api<RolloutBody>('GET', `/v1/rollouts/${id}`);
/** Types of what was told of an app, oldest first. */
async function told(name: string): Promise<string[]> {
  const { items } = await site.installation.api<ListBody<EventBody>>('GET', `/v1/events?app=${name}&limit=100`);
  return items.map(({ type }) => type);
}
/** It answers, at once or when its containers are back, and as this version. */
const serves = async (name: string, version: string): Promise<void> => {
  const answer = await waitFor(`an answer of ${name}`, 60_000, async () => {
    const { status, body } = await site.ask(`${name}.localhost`);
    return status === 200 ? body : undefined;
  });
  expect(JSON.parse(answer)).toMatchObject({ version });
};

it('an engine that ends in a bake takes its containers along: no verdict; they are back at their addresses and the bake goes on', async () => {
  const { app, rolloutId } = await baking('ends');
  const before = await addressesOf('ends');
  expect(before).toHaveLength(4);
  const visits = await site.visit('ends.localhost');
  await engine.stop();
  const { stdout, exitCode } = await site.installation.cli('status', '--app', app.folder);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('ENGINE_UNAVAILABLE');
  expect(stdout).toContain('Start it, or set SIGNALBOX_DOCKER_HOST');
  expect(stdout).toContain(': baking');
  const other = await site.app('other');
  await other.commit({ fixture: 'healthy', settings: settingsOf('other', '1') });
  const refused = await site.installation.cli('deploy', other.folder, '--json');
  expect(refused.exitCode).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'ENGINE_UNAVAILABLE' } });
  expect(await rollout(rolloutId)).toMatchObject({ phase: 'baking', ended: false });
  await engine.start();
  expect(await site.installation.ended(rolloutId, 60_000)).toMatchObject({ phase: 'succeeded' });
  await visits.stop();
  const after = await addressesOf('ends');
  expect(after.filter((address) => !before.includes(address))).toEqual([]);
  expect(await told('ends')).not.toContain('rollout.rolling-back');
  await serves('ends', '2');
});

it('an engine that is killed in a bake, and ends its containers when it starts again: no verdict', async () => {
  const { rolloutId } = await baking('killed');
  await engine.stop('SIGKILL');
  await engine.start();
  expect(await site.installation.ended(rolloutId, 60_000)).toMatchObject({ phase: 'succeeded' });
  expect(await told('killed')).not.toContain('rollout.rolling-back');
  await serves('killed', '2');
});

it('containers that somebody removes, in a bake and afterwards, are brought back; it is told, and held against no release', async () => {
  const { rolloutId } = await baking('removed');
  const remove = async (): Promise<void> => {
    const before = await containersOf('removed');
    await docker('rm', '--force', ...before.keys());
    await waitFor('new containers in their places', 30_000, async () => {
      const now = await containersOf('removed');
      const there = [...now].filter(([id, address]) => !before.has(id) && [...before.values()].includes(address));
      return there.length >= 2 && there.length === now.size ? true : undefined;
    });
    await waitFor('an answer', 30_000, async () => ((await site.ask('removed.localhost')).status === 200 ? true : undefined));
  };
  const visits = await site.visit('removed.localhost');
  await remove();
  const { phase, reason } = await site.installation.ended(rolloutId, 60_000);
  expect({ phase, reason }).toEqual({ phase: 'succeeded', reason: undefined });
  await visits.stop();
  await waitFor('the end of version 1', 30_000, async () => ((await containersOf('removed')).size === 2 ? true : undefined));
  const before = await told('removed');
  expect(before).toContain('instance.removed');
  expect(before).not.toContain('rollout.rolling-back');
  await remove();
  expect((await told('removed')).length).toBeGreaterThan(before.length);
  expect(await site.environment('removed')).toMatchObject({ release: 'v2', proven: 'v2' });
  await serves('removed', '2');
});

it('an engine that ends while an image is built: one error that names it, nothing half done, and the next deploy works', async () => {
  const app = await site.app('builds');
  await app.commit({ fixture: 'healthy', settings: settingsOf('builds', '1', { strategy: { bake: '100ms' } }) });
  await site.installation.deploy(app.folder);
  const building = settingsOf('builds', '2', { strategy: { bake: '100ms' } });
  const { web } = building['services'] as { web: Settings };
  const slow = { ...building, services: { web: { ...web, build: 'echo begun; sleep 8; echo built > built' } } };
  await app.commit({ fixture: 'healthy', settings: slow });
  const rolloutId = await begin(app, 'preparing');
  await waitFor('the build', 30_000, async () =>
    (await docker('ps', '--no-trunc', '--format', '{{.Command}}')).some((line) => line.includes('echo begun')) ? true : undefined,
  );
  await engine.stop();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await engine.start();
  const ended = await site.installation.ended(rolloutId, 120_000);
  expect(ended.phase).toBe('succeeded');
  await serves('builds', '2');
  expect(
    (await docker('ps', '--all', '--no-trunc', '--format', '{{.Command}}')).filter((line) => line.includes('echo begun')),
  ).toEqual([]);
});

it('under live-restore nobody notices that the engine is away: not one request is lost, and the bake goes on', async () => {
  await engine.stop();
  await engine.start('--live-restore');
  const { rolloutId } = await baking('lives');
  const before = await containersOf('lives');
  const visits = await site.visit('lives.localhost');
  await engine.stop();
  await serves('lives', '2');
  expect(await rollout(rolloutId)).toMatchObject({ phase: 'baking' });
  await engine.start('--live-restore');
  expect(await site.installation.ended(rolloutId, 60_000)).toMatchObject({ phase: 'succeeded' });
  expect(losses(await visits.stop())).toEqual(noLosses);
  for (const id of (await containersOf('lives')).keys()) expect([...before.keys()]).toContain(id);
});

it('nothing of anybody else is touched by a deploy, a rollback or the end of everything', async () => {
  const made = async (...words: string[]): Promise<string> => (await docker(...words))[0] ?? '';
  const label = ['--label', 'signalbox.app=ends'];
  await docker('volume', 'create', ...label, 'strange-volume');
  await docker('network', 'create', ...label, 'strange-network');
  await docker('tag', baseImage, 'signalbox/ends-web:strange');
  const run = ['--network', 'strange-network', '--volume', 'strange-volume:/kept', ...label, baseImage, 'sleep', '1000'];
  const running = await made('run', '--detach', '--name', 'signalbox-strange', ...run);
  const created = await made('create', '--name', 'strange-created', ...run);
  const image = await made('commit', '--change', 'LABEL signalbox.app=ends signalbox.key=strange', created, 'strange-image:1');
  const look = async (): Promise<unknown[]> =>
    await Promise.all([
      docker('container', 'inspect', running, created),
      docker('volume', 'inspect', 'strange-volume'),
      docker('network', 'inspect', 'strange-network'),
      docker('image', 'inspect', baseImage, 'signalbox/ends-web:strange', image),
    ]);
  const before = await look();
  const app = await site.app('among');
  for (const version of ['1', '2']) {
    const settings = settingsOf('among', version, { strategy: { bake: '100ms' } });
    await app.commit({ fixture: 'healthy', settings, files: { version } });
    await site.installation.deploy(app.folder);
  }
  expect((await site.installation.cli('rollback', '--app', app.folder)).exitCode).toBe(0);
  await serves('among', '1');
  expect(await look()).toEqual(before);
  expect(await site.stop()).toBe(0);
  expect(await look()).toEqual(before);
});
