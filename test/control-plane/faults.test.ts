import { describe, expect, it } from 'vitest';
import { SignalboxError } from '../../src/domain/errors.ts';
import type { PortCall } from './kit/life.ts';
import { play } from './play.ts';
import { api, install, type Source, web } from './plant-kit.ts';
import { scenarios } from './scenarios.ts';

const second = scenarios.find((s) => s.name === 'a second deploy that changes a service and a worker');
const undone = scenarios.find((s) => s.name === 'a deploy that fails on the route and is undone');
const replaced = scenarios.find((s) => s.name === 'a deploy that takes the place of a baking one');
if (!second || !undone || !replaced) throw new Error('A scenario was renamed.');

const bad = (code: 'STORE_FULL' | 'STORE_STALLED'): SignalboxError => new SignalboxError(code, 'The disk is in trouble.');

describe.each([second, undone, replaced])('$name', (scenario) => {
  it.each([
    { name: 'STORE_FULL', code: 'STORE_FULL', when: 'before' },
    { name: 'STORE_STALLED and not written', code: 'STORE_STALLED', when: 'before' },
    { name: 'STORE_STALLED and written all the same', code: 'STORE_STALLED', when: 'after' },
  ] as const)('comes to the same end when a commit fails once with $name, at any point', async ({ code, when }) => {
    const { said } = await play(scenario, null);
    for (let n = 1, failed = true; failed; n++) {
      failed = false;
      let commits = 0;
      const outcome = await play(scenario, {
        at: (call: PortCall) => {
          if (call.name !== 'store.commit' || call.when !== when || ++commits !== n) return;
          failed = true;
          throw bad(code);
        },
      });
      expect(outcome.said, `commit ${n}`).toEqual(said);
      if (!failed) expect(n).toBeGreaterThan(5);
    }
  });

  it.each([
    'runtime.observe',
    'runtime.ensure',
    'runtime.stop',
    'builder.build',
    'dataPlane.prepare',
    'dataPlane.commit',
    'dataPlane.drain',
    'store.release',
    'dataPlane.statsNow',
  ])('comes to the same end when %s throws every third time', async (name) => {
    const { said } = await play(scenario, null);
    let turn = 0;
    const outcome = await play(scenario, {
      at: (call) => {
        if (call.name === name && call.when === 'before' && ++turn % 3 === 1) throw new Error(`${name} is out of order.`);
      },
    });
    expect(outcome.said).toEqual(said);
  });
});

describe('trouble of our own', () => {
  it('a data plane that fails for 10 s delays the switch and changes nothing else', async () => {
    const box = await install();
    await box.live();
    box.dataPlane.brokenUntil = box.time.now + 10_000;
    const { rolloutId } = await box.deploy();
    await box.ends(rolloutId, 'succeeded');
    await box.calm();
  });

  it('a data plane that stays away leaves the old release serving, and the rollout ends', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy();
    await box.reach(rolloutId, 'verifying');
    box.dataPlane.brokenUntil = box.time.now + 50_000;
    await box.ends(rolloutId, 'rolled-back');
    await box.calm();
    expect(box.arms()).toBe('v1:10000');
  });

  it('nothing is stopped while it is unknown what the data plane serves, not even by a new control plane', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy();
    await box.reach(rolloutId, 'baking');
    box.dataPlane.brokenUntil = box.time.now + 30_000;
    await box.ends(rolloutId, 'succeeded');
    await box.time.pass(5000);
    await box.restart();
    await box.time.pass(5000);
    expect(box.runtime.running()).toEqual(['shop-production-web-1', 'shop-production-web-2']);
    await box.calm();
    expect(box.runtime.running()).toEqual(['shop-production-web-2']);
  });

  it('a new control plane publishes no table before it has seen all that runs', async () => {
    const box = await install();
    await box.live({ services: [web(1), api(1)] });
    const before = box.dataPlane.tables.length;
    await box.restart();
    await box.until(() => box.dataPlane.tables.length > before, 10_000);
    await box.time.pass(2000);
    for (const table of box.dataPlane.tables.slice(before))
      expect(table.pools.map((pool) => `${pool.id} ${pool.kind === 'static' ? 0 : pool.endpoints.length}`)).toEqual([
        'shop-production-web-1 1',
        'shop-production-api-1 1',
      ]);
  });

  it('what a table on its way to the workers leads to is not stopped before they have the next one', async () => {
    const box = await install();
    await box.live();
    box.dataPlane.acknowledging = 3000;
    box.runtime.programs.set('shop-production-web-2', { healthy: () => false });
    const { rolloutId } = await box.deploy();
    await box.until(() => box.dataPlane.offered?.pools.some((p) => p.id === 'shop-production-web-2') === true);
    await box.steer('abort', rolloutId);
    await box.ends(rolloutId, 'cancelled');
    await box.calm();
  });

  it('a rollback that cannot be published is held, and goes through when it can', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy({ bake: 60_000 });
    await box.reach(rolloutId, 'baking');
    box.dataPlane.brokenUntil = box.time.now + 90_000;
    box.runtime.crash('shop-production-web-2');
    await box.until(() => box.phase(rolloutId) === 'held', 80_000);
    expect(box.rollout(rolloutId).reason?.code).toBe('ROLLBACK_STUCK');
    await box.ends(rolloutId, 'rolled-back', 60_000);
    await box.calm();
  });

  it('blind observation stops the clock of a bake, and blames nobody', async () => {
    const box = await install();
    await box.live();
    const { rolloutId } = await box.deploy({ bake: 20_000 });
    await box.reach(rolloutId, 'baking');
    box.dataPlane.answer('shop/production/v2', 5);
    await box.time.pass(1000);
    box.life.interfere = (call) => {
      if (call.name === 'dataPlane.statsNow') throw new Error('No counts.');
    };
    await box.time.pass(100_000);
    expect(box.phase(rolloutId)).toBe('baking');
    box.life.interfere = () => undefined;
    await box.ends(rolloutId, 'succeeded', 40_000);
  });

  it('an older control plane that still lives is refused by everybody and changes nothing', async () => {
    const box = await install();
    await box.live();
    const old = box.life;
    const { rolloutId } = await box.deploy({ bake: 60_000 });
    await box.reach(rolloutId, 'preparing');
    // A second one takes over while the first goes on.
    await box.boot();
    expect(old.dead).toBe(false);
    await box.ends(rolloutId, 'succeeded');
    expect(box.replaced).toBeGreaterThan(0);
    expect(box.dataPlane.fence.refused + box.runtime.fence.refused).toBeGreaterThan(0);
    const epochs = box.dataPlane.tables.map((t) => t.epoch);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    old.kill();
    await box.calm();
  });

  it('a control plane that stood still for an hour ends nothing by a deadline that ran meanwhile unseen', async () => {
    const box = await install();
    await box.live();
    const slow: Source = { services: [web(2)] };
    box.runtime.programs.set('shop-production-web-2', { healthy: (age) => age > 3_605_000 });
    const { rolloutId } = await box.deploy(slow);
    await box.reach(rolloutId, 'starting');
    box.kill();
    await box.time.pass(3_600_000);
    await box.boot();
    await box.ends(rolloutId, 'succeeded');
  });
});
