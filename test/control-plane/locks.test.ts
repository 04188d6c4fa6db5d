import { describe, expect, it } from 'vitest';
import type { EnvironmentName } from '../../src/domain/values.ts';
import { api, baking, type Installation, install, web } from './plant-kit.ts';

const ana = 'Ana on laptop';
const ben = 'Ben on desk';

function lock(box: Installation, owner: string, reason = 'moving the database') {
  const { app, environment } = box.request('');
  return box.during(box.plane.commands.lock({ app, environment, owner, reason }));
}
const deployBy = (box: Installation, by?: string) =>
  box.accepted(
    box.plane.commands.deploy({ ...box.request(box.commit({ services: [web(7)] })), ...(by === undefined ? {} : { by }) }),
  );
const state = (box: Installation) => box.home.tables.environments.get('shop/production');

describe('a locked environment', () => {
  it('refuses deploys of others, of nobody in particular too, and says who has it, why and since when', async () => {
    const box = await install();
    await box.live();
    await lock(box, ana);
    const before = JSON.stringify(state(box));
    for (const by of [ben, undefined]) {
      await expect(deployBy(box, by)).rejects.toMatchObject({
        code: 'ENVIRONMENT_LOCKED',
        message: expect.stringMatching(/locked by Ana on laptop since 2023-11-14 22:1\d UTC: moving the database/) as string,
        details: { owner: ana, reason: 'moving the database' },
      });
    }
    expect(JSON.stringify(state(box))).toBe(before);
    const { rolloutId } = await deployBy(box, ana);
    await box.ends(rolloutId, 'succeeded');
    expect(state(box)?.lock?.owner).toBe(ana);
  });

  it('refuses promotions and changes of traffic of others', async () => {
    const box = await install();
    await box.live();
    const staged = box.request(box.commit({ services: [web(2)] }), 'shop', 'staging');
    const { rolloutId } = await box.accepted(box.plane.commands.deploy(staged));
    await box.ends(rolloutId, 'succeeded');
    await lock(box, ana);
    const { app, environment } = box.request('');
    const promotion = { app, environment, from: 'staging' as EnvironmentName, force: true, by: ben };
    await expect(box.during(box.plane.commands.deployFrom(promotion))).rejects.toMatchObject({ code: 'ENVIRONMENT_LOCKED' });
    const traffic = box.plane.commands.traffic({ app, environment, kind: 'stop', by: ben });
    await expect(box.during(traffic)).rejects.toMatchObject({ code: 'ENVIRONMENT_LOCKED' });
    expect(state(box)?.traffic.kind).toBe('open');
    await box.during(box.plane.commands.traffic({ app, environment, kind: 'stop', by: ana }));
    expect(state(box)?.traffic.kind).toBe('stop');
  });

  it('lets everybody roll back, abort and pause; only its owner goes on with a rollout', async () => {
    const { box, id } = await baking();
    await lock(box, ana);
    const target = { rollout: id as never };
    await box.during(box.plane.commands.steer({ target, verb: 'pause', by: ben }));
    for (const verb of ['resume', 'promote'] as const)
      await expect(box.during(box.plane.commands.steer({ target, verb, by: ben }))).rejects.toMatchObject({
        code: 'ENVIRONMENT_LOCKED',
      });
    expect(box.phase(id)).toBe('held');
    await box.during(box.plane.commands.steer({ target, verb: 'resume', by: ana }));
    await box.during(box.plane.commands.steer({ target, verb: 'abort', by: ben }));
    await box.ends(id, 'rolled-back');
    const next = await deployBy(box, ana);
    await box.ends(next.rolloutId, 'succeeded');
    const back = await box.rollback();
    await box.ends(back.rolloutId, 'succeeded');
    expect(box.arms()).toBe('v1:10000');
  });

  it('is rolled back by itself all the same when its release fails', async () => {
    const { box, id } = await baking({ services: [web(2), api(1)] });
    await lock(box, ana);
    box.runtime.crash('shop-production-web-2');
    await box.ends(id, 'rolled-back');
    expect(box.arms()).toBe('v1:10000');
  });

  it('when two lock it at once has one owner, and the other is told who', async () => {
    const box = await install();
    await box.live();
    const results = await Promise.allSettled([lock(box, ana), lock(box, ben)]);
    const refused = results.filter((r) => r.status === 'rejected');
    expect(refused).toHaveLength(1);
    const owner = state(box)?.lock?.owner;
    expect([ana, ben]).toContain(owner);
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({
      code: 'ENVIRONMENT_LOCKED',
      message: expect.stringContaining(`locked by ${owner}`) as string,
    });
    expect(box.home.tables.events.filter((e) => e.type === 'environment.locked')).toHaveLength(1);
  });

  it('is unlocked by its owner, by others only by force, and both are on record', async () => {
    const box = await install();
    await box.live();
    const { app, environment } = box.request('');
    await lock(box, ana);
    const unlock = (by: string, force = false) => box.during(box.plane.commands.unlock({ app, environment, by, force }));
    await expect(unlock(ben)).rejects.toMatchObject({ code: 'ENVIRONMENT_LOCKED' });
    expect(await unlock(ben, true)).toMatchObject({ owner: ana });
    expect(state(box)).not.toHaveProperty('lock');
    expect(await unlock(ana)).toBeNull();
    const told = box.home.tables.events.filter((e) => e.type.startsWith('environment.')).map((e) => [e.type, e.body]);
    expect(told).toEqual([
      ['environment.locked', { owner: ana, reason: 'moving the database' }],
      ['environment.unlocked', { owner: ana, by: ben }],
    ]);
    await deployBy(box, ben);
  });

  it('stays so over a restart; locking again by its owner changes the reason and keeps its beginning', async () => {
    const box = await install();
    await box.live();
    const first = await lock(box, ana);
    await box.restart();
    await box.time.pass(60_000);
    const again = await lock(box, ana, 'still moving');
    expect(again).toEqual({ ...first, reason: 'still moving' });
    await expect(deployBy(box, ben)).rejects.toMatchObject({ code: 'ENVIRONMENT_LOCKED' });
  });

  it('that was never deployed cannot be locked', async () => {
    const box = await install();
    await expect(lock(box, ana)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
