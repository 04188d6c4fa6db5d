import { describe, expect, it } from 'vitest';
import type { DeploySchedule } from '../../src/domain/windows.ts';
import { type Installation, install, web } from './plant-kit.ts';

/** Virtual time begins on Tue 14 Nov 2023, 22:13 UTC. */
const freeze = (from: string, to: string): DeploySchedule => ({
  windows: [],
  freezes: [{ from, to, reason: 'quarter end', zone: 'UTC' }],
});
const now = freeze('2023-11-13', '2023-11-15');
const later = freeze('2024-01-01', '2024-01-02');

function drawn(box: Installation, version: number, schedule?: DeploySchedule): string {
  const sha = box.commit({ services: [web(version)], bake: 5000 });
  if (schedule) box.draw({ ...box.release(sha), schedule });
  return sha;
}

const events = (box: Installation, type: string) => box.home.tables.events.filter((e) => e.type === type);

describe('windows for deploys', () => {
  it('a deploy outside is refused with the next opening, and nothing changes', async () => {
    const box = await install();
    await box.live();
    const deploy = box.plane.commands.deploy(box.request(drawn(box, 2, now)));
    await expect(box.during(deploy)).rejects.toMatchObject({
      code: 'DEPLOY_WINDOW_CLOSED',
      message:
        'shop/production takes no deploys now: frozen from 2023-11-13 to 2023-11-15 (quarter end); the next window opens Thu 16 Nov 2023, 00:00 UTC.',
      details: { nextOpening: '2023-11-16T00:00:00.000Z' },
    });
    expect(box.active()).toEqual([]);
    expect(box.home.tables.releases.size).toBe(1);
  });

  it('a plan says that a deploy would be refused, and what it would do', async () => {
    const box = await install();
    await box.live();
    const plan = await box.during(box.plane.commands.plan(box.request(drawn(box, 2, now))));
    expect(plan?.refused).toMatchObject({ code: 'DEPLOY_WINDOW_CLOSED' });
    expect(plan?.operations.length).toBeGreaterThan(0);
  });

  it('a source that does not know of the freeze does not get around the one that is live', async () => {
    const box = await install();
    const first = await box.accepted(
      box.plane.commands.deploy({ ...box.request(drawn(box, 1, now)), forceWindow: 'before the freeze was known' }),
    );
    await box.ends(first.rolloutId, 'succeeded');
    await expect(box.during(box.plane.commands.deploy(box.request(drawn(box, 2))))).rejects.toMatchObject({
      code: 'DEPLOY_WINDOW_CLOSED',
    });
    await expect(box.during(box.plane.commands.deploy(box.request(drawn(box, 3, later))))).rejects.toMatchObject({
      code: 'DEPLOY_WINDOW_CLOSED',
    });
  });

  it('a deploy goes through by force, with its reason and who gave it on record; without need nothing is recorded', async () => {
    const box = await install();
    await box.live();
    const open = { ...box.request(drawn(box, 2, later)), forceWindow: 'just in case', by: 'Ana on laptop' };
    const first = await box.accepted(box.plane.commands.deploy(open));
    await box.ends(first.rolloutId, 'succeeded');
    expect(events(box, 'deploy.window-forced')).toEqual([]);
    const closed = { ...box.request(drawn(box, 3, now)), forceWindow: 'the shop is down', by: 'Ana on laptop' };
    const { rolloutId, release } = await box.accepted(box.plane.commands.deploy(closed));
    await box.ends(rolloutId, 'succeeded');
    expect(events(box, 'deploy.window-forced')).toMatchObject([
      {
        app: 'shop',
        environment: 'production',
        body: {
          release,
          reason: 'the shop is down',
          by: 'Ana on laptop',
          closed: expect.stringContaining('quarter end') as string,
        },
      },
    ]);
  });

  it('a rollback always passes', async () => {
    const box = await install();
    await box.live({ services: [web(1)] });
    const second = { ...box.request(drawn(box, 2, now)), forceWindow: 'x' };
    const { rolloutId } = await box.accepted(box.plane.commands.deploy(second));
    await box.ends(rolloutId, 'succeeded');
    const back = await box.rollback();
    await box.ends(back.rolloutId, 'succeeded');
    expect(box.arms()).toBe('v1:10000');
  });

  it('a window that closes after a deploy was accepted does not stop it', async () => {
    const box = await install();
    await box.live();
    // Closes at midnight, 106 minutes after the beginning.
    const schedule = freeze('2023-11-15', '2023-11-15');
    const sha = box.commit({ services: [web(2)], bake: 2 * 3_600_000 });
    box.draw({ ...box.release(sha), schedule });
    const { rolloutId } = await box.accepted(box.plane.commands.deploy(box.request(sha)));
    await box.ends(rolloutId, 'succeeded', 5 * 3_600_000);
  });
});
