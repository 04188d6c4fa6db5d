import { describe, expect, it } from 'vitest';
import type { RolloutId, WorkloadId } from '../../src/domain/values.ts';
import { api, type Installation, install, web } from './plant-kit.ts';

const verbs = ['promote', 'abort', 'pause', 'resume'] as const;

describe('commands', () => {
  it('every verb on an unknown or finished rollout is refused with NO_ACTIVE_ROLLOUT', async () => {
    const box = await install();
    const { rolloutId } = await box.live();
    const { commands } = box.plane;
    const { app, environment } = box.request('');
    for (const verb of verbs) {
      for (const target of [{ rollout: rolloutId }, { rollout: 'r999999' as RolloutId }, { app, environment }]) {
        await expect(commands.steer({ target, verb })).rejects.toMatchObject({ code: 'NO_ACTIVE_ROLLOUT' });
      }
    }
  });

  it('a verb that comes as its rollout ends is refused too, never taken silently', async () => {
    const box = await install();
    await box.live();
    box.workshop.failing.add('web');
    const { rolloutId } = await box.deploy();
    const attempts: string[] = [];
    box.life.interfere = ({ name, when }) => {
      if (name !== 'store.commit' || when !== 'before') return;
      void box.plane.commands.steer({ target: { rollout: rolloutId }, verb: 'promote' }).then(
        () => attempts.push('taken'),
        (error: { code: string }) => attempts.push(error.code),
      );
    };
    await box.ends(rolloutId, 'failed');
    await box.time.pass(100);
    expect(attempts.at(-1)).toBe('NO_ACTIVE_ROLLOUT');
    expect(attempts).not.toContain('taken');
  });

  it('two services may not claim the same host and path; the error names the owner and nothing changes', async () => {
    const box = await install();
    await box.live();
    const before = JSON.stringify(box.home.tables.environments.get('shop/production'));
    const sha = claims(box, '/');
    await expect(box.during(box.plane.commands.deploy(box.request(sha, 'other')))).rejects.toMatchObject({
      code: 'ROUTE_TAKEN',
      message: expect.stringContaining('shop/production web') as string,
    });
    expect(JSON.stringify(box.home.tables.environments.get('shop/production'))).toBe(before);
    expect(box.home.tables.environments.has('other/production')).toBe(false);
  });

  it('a route that the way back of a bake needs is not given to another app', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const { rolloutId } = await box.deploy({ services: [web(2)], bake: 60_000 });
    await box.reach(rolloutId, 'baking');
    const sha = claims(box, '/api');
    await expect(box.during(box.plane.commands.deploy(box.request(sha, 'other')))).rejects.toMatchObject({
      code: 'ROUTE_TAKEN',
      message: expect.stringContaining('shop/production api') as string,
    });
    await box.ends(rolloutId, 'succeeded');
    await box.accepted(box.plane.commands.deploy(box.request(sha, 'other')));
  });

  it('a rollback to a release whose route another app has meanwhile is refused', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    await box.live({ services: [web(2)] });
    const { rolloutId } = await box.accepted(box.plane.commands.deploy(box.request(claims(box, '/api'), 'other')));
    await box.ends(rolloutId, 'succeeded');
    await expect(box.rollback()).rejects.toMatchObject({
      code: 'ROUTE_TAKEN',
      message: expect.stringContaining('other/production web') as string,
    });
    expect(box.active()).toEqual([]);
    expect(box.arms()).toBe('v2:10000');
  });

  it('a deploy that does not fit beside the old release is refused before anything happens, and plan says so', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    box.memoryMb = 120;
    const sha = box.commit({ services: [web(2), api(1)] });
    const preview = await box.during(box.plane.commands.plan(box.request(sha)));
    expect(preview?.refused).toBeUndefined();
    expect(preview?.memory).toMatchObject({ availableMb: 120 });
    box.memoryMb = 60;
    await expect(box.during(box.plane.commands.deploy(box.request(sha)))).rejects.toMatchObject({ code: 'NOT_ENOUGH_MEMORY' });
    const cold = await box.deploy({ services: [web(3), api(1)], warm: false });
    await box.ends(cold.rolloutId, 'succeeded');
  });

  it('hold and stop survive a restart and a deploy, and health paths still answer', async () => {
    const box = await install();
    await box.live();
    const { app, environment } = box.request('');
    await box.during(box.plane.commands.traffic({ app, environment, kind: 'stop', message: 'back at noon' }));
    await box.restart();
    const { rolloutId } = await box.deploy();
    await box.ends(rolloutId, 'succeeded');
    expect(box.dataPlane.split()?.mode).toEqual({ kind: 'stop', message: 'back at noon', healthPaths: ['/health'] });
    await box.during(box.plane.commands.traffic({ app, environment, kind: 'open' }));
    expect(box.dataPlane.split()?.mode).toEqual({ kind: 'open' });
  });

  it('plan says what a deploy would do, and changes nothing', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const before = JSON.stringify([...box.home.tables.rollouts.values(), ...box.home.tables.environments.values()]);
    const preview = await box.during(box.plane.commands.plan(box.request(box.commit({ services: [web(2), api(1)] }))));
    expect(preview?.operations.join('\n')).toContain('keep api as it runs');
    expect(preview?.operations.join('\n')).toContain('start web x1');
    expect(JSON.stringify([...box.home.tables.rollouts.values(), ...box.home.tables.environments.values()])).toBe(before);
  });

  it('release-local addresses follow their own release, also for what a switch has left in flight', async () => {
    const box = await install();
    const linked = (version: number) => web(version, { env: { API: `\${services.api.url}` } });
    await box.live({ services: [linked(1), api(1)] });
    const { rolloutId } = await box.deploy({ services: [linked(2), api(2)] });
    await box.reach(rolloutId, 'baking');
    const links = new Map(box.dataPlane.table()?.links.map((l) => [l.caller, l.pool]));
    expect(links.get('shop-production-web-2' as WorkloadId)).toBe('shop-production-api-2');
    expect(links.get('shop-production-web-1' as WorkloadId)).toBe('shop-production-api-1');
  });
});

/** A commit of another app that asks for this path of the shop's host. */
function claims(box: Installation, path: string): string {
  const sha = box.commit({ app: 'other', services: [web(9)] });
  const release = box.release(sha);
  const routes = [{ host: 'shop.localhost', path, stripPath: false }];
  box.draw({ ...release, services: release.services.map((s) => ({ ...s, routes })) });
  return sha;
}
