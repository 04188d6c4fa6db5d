import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, SignalboxError } from '../../src/domain/errors.ts';
import type { Arm } from '../../src/domain/route-table.ts';
import {
  type AppName,
  type EnvironmentKey,
  type EnvironmentName,
  type Epoch,
  instant,
  type WorkloadId,
} from '../../src/domain/values.ts';
import type { Change, Page, Store } from '../../src/ports/store.ts';
import {
  aRelease,
  aRollout,
  aWorkload,
  anApp,
  anEnvironment,
  anEvent,
  idsOf,
  production,
  shop,
  shopKey,
} from './store-documents.ts';

/** An installation's place: stores opened on it see the same decisions. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

/** The contract of the Store port; every adapter passes the same suite. */
export function storeSuite(name: string, place: () => Promise<StorePlace>): void {
  describe(`store: ${name}`, () => {
    let home: StorePlace;
    let store: Store;
    let epoch: Epoch;
    const opened: Store[] = [];

    const open = async (): Promise<Store> => {
      const next = await home.open();
      opened.push(next);
      return next;
    };
    const commit = (change: Partial<Change>): Promise<void> => store.commit({ epoch, at: instant(1), ...change });
    const all: Page = { limit: 500 };

    beforeEach(async () => {
      home = await place();
      store = await open();
      ({ epoch } = await store.acquire());
    });
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close();
      await home.remove();
    });

    it('returns every document exactly as it was committed', async () => {
      const release = aRelease(1);
      const rollout = aRollout({ id: 'a1', release, phase: 'preparing' });
      const environment = anEnvironment({ nextRelease: 2 });
      await commit({ apps: [anApp()], environments: [environment], releases: [release], rollouts: [rollout] });
      expect(await store.app(shop)).toEqual(anApp());
      expect(await store.apps()).toEqual([anApp()]);
      expect(await store.environment(shopKey)).toEqual(environment);
      expect(await store.environments()).toEqual([environment]);
      expect(await store.release(release.id)).toEqual(release);
      expect(await store.rollout(rollout.id)).toEqual(rollout);
      expect(await store.workloads([aRelease(1).services[0]?.workload.id as WorkloadId])).toEqual([
        release.services[0]?.workload,
      ]);
    });

    it('answers null or nothing for what was never written', async () => {
      const [release, rollout] = [aRelease(9), aRollout({ id: 'none', release: aRelease(9), phase: 'queued' })];
      expect(await store.app(shop)).toBeNull();
      expect(await store.environment(shopKey)).toBeNull();
      expect(await store.release(release.id)).toBeNull();
      expect(await store.rollout(rollout.id)).toBeNull();
      expect(await store.releases(shopKey, all)).toEqual([]);
      expect(await store.rollouts({ active: true }, all)).toEqual([]);
      expect(await store.workloads(['gone' as WorkloadId])).toEqual([]);
      expect(await store.workloads([])).toEqual([]);
      expect(await store.events({ limit: 10 })).toEqual([]);
    });

    it('keeps its own copy: later changes of a committed object do not reach the store', async () => {
      const release = aRelease(1);
      const event = anEvent('made', { body: { list: [1] } });
      await commit({ releases: [release], events: [event] });
      (event.body['list'] as number[]).push(2);
      (release.smoke as unknown as unknown[]).length = 0;
      expect((await store.events({ limit: 1 }))[0]?.body).toEqual({ list: [1] });
      expect((await store.release(release.id))?.smoke).toHaveLength(1);
    });

    it('gives a rising epoch with each acquisition and starts the clock from the newest decision', async () => {
      await commit({ at: instant(5000.5) });
      await commit({ at: instant(4000) });
      await store.close();
      const next = await open();
      const lease = await next.acquire();
      expect(lease.epoch).toBeGreaterThan(epoch);
      expect(lease.clockBase).toBe(5000.5);
    });

    it('refuses the home to a second control plane until the first has closed', async () => {
      const second = await open();
      await refused(second.acquire(), 'HOME_IN_USE');
      await refused(second.commit({ epoch, at: instant(1), events: [anEvent('stolen')] }), 'STALE_EPOCH');
      await commit({ events: [anEvent('mine')] });
      await store.close();
      await expect(second.acquire()).resolves.toMatchObject({ clockBase: 1 });
      expect((await second.events({ limit: 10 })).map((event) => event.type)).toEqual(['mine']);
    });

    it('refuses a decision of any epoch but the current one', async () => {
      const old = epoch;
      ({ epoch } = await store.acquire());
      for (const wrong of [old, epoch + 1] as Epoch[]) {
        await refused(commit({ epoch: wrong, events: [anEvent('late')] }), 'STALE_EPOCH');
      }
      expect(await store.events({ limit: 10 })).toEqual([]);
    });

    it('refuses a write before the home is acquired', async () => {
      await store.close();
      const next = await open();
      await refused(next.commit({ epoch, at: instant(2), apps: [anApp()] }), 'STALE_EPOCH');
      await refused(next.prune({ releasesPerEnvironment: 1, events: 1, keep: [] }), 'STALE_EPOCH');
    });

    it('takes an environment only as the direct successor of what is stored', async () => {
      await refused(commit({ environments: [anEnvironment({ revision: 1 })] }), 'CONFLICT');
      await commit({ environments: [anEnvironment({ revision: 0 })] });
      for (const revision of [0, 2]) await refused(commit({ environments: [anEnvironment({ revision })] }), 'CONFLICT');
      await commit({ environments: [anEnvironment({ revision: 1, nextRelease: 7 })] });
      expect((await store.environment(shopKey))?.nextRelease).toBe(7);
    });

    it('lets one of two concurrent decisions about an environment win and tells the other', async () => {
      const ends = await Promise.allSettled(
        ['first', 'second'].map((type) => commit({ environments: [anEnvironment()], events: [anEvent(type)] })),
      );
      expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected']);
      expect((await store.events({ limit: 10 })).map((event) => event.type)).toEqual(['first']);
    });

    it('leaves nothing of a refused change behind, wherever in it the refusal was', async () => {
      await commit({ apps: [anApp()], environments: [anEnvironment()], releases: [aRelease(1)] });
      const other = anApp('other' as AppName);
      const fresh = { releases: [aRelease(2)], rollouts: [aRollout({ id: 'b1', release: aRelease(2), phase: 'queued' })] };
      const events = [anEvent('half')];
      await refused(
        commit({ at: instant(99), apps: [other], environments: [anEnvironment({ revision: 5 })], ...fresh, events }),
        'CONFLICT',
      );
      await refused(commit({ at: instant(99), apps: [other], releases: [aRelease(2), aRelease(1)], events }), 'CONFLICT');
      expect(await store.apps()).toEqual([anApp()]);
      expect(idsOf(await store.releases(shopKey, all))).toEqual(['shop/production/v1']);
      expect(await store.rollouts({}, all)).toEqual([]);
      expect(await store.events({ limit: 10 })).toEqual([]);
      expect(await store.workloads([aRelease(2).services[0]?.workload.id as WorkloadId])).toEqual([]);
      await store.close();
      expect((await (await open()).acquire()).clockBase).toBe(1);
    });

    it('commits each of many waiting changes by itself: one refusal does not take its neighbours along', async () => {
      const changes = Array.from({ length: 40 }, (_, n) => ({
        releases: [aRelease(n % 10 === 3 ? 1 : n + 1000)],
        events: [anEvent(`e${n}`)],
      }));
      await commit({ releases: [aRelease(1)] });
      const ends = await Promise.allSettled(changes.map(commit));
      const refusedOnes = ends.flatMap((end, n) => (end.status === 'rejected' ? n : []));
      expect(refusedOnes).toEqual([3, 13, 23, 33]);
      expect((await store.events({ limit: 100 })).map((event) => event.type)).toEqual(
        changes.flatMap((_, n) => (n % 10 === 3 ? [] : `e${n}`)),
      );
    });

    it('never changes a release once it is written', async () => {
      await commit({ releases: [aRelease(1)] });
      await refused(commit({ releases: [{ ...aRelease(1), subject: 'rewritten' }] }), 'CONFLICT');
      expect(await store.release(aRelease(1).id)).toEqual(aRelease(1));
    });

    it('keeps the first record of an app', async () => {
      await commit({ apps: [anApp()] });
      await commit({ apps: [{ ...anApp(), createdAt: 5 as never }] });
      expect(await store.app(shop)).toEqual(anApp());
    });

    it('pages releases from the newest on, each exactly once, never those of another environment', async () => {
      const other = 'shop-2' as AppName;
      const numbers = Array.from({ length: 23 }, (_, n) => n + 1);
      await commit({ releases: numbers.flatMap((n) => [aRelease(n), aRelease(n, { app: other })]) });
      const seen: string[] = [];
      for (let before: string | undefined; ; ) {
        const page = await store.releases(shopKey, before === undefined ? { limit: 5 } : { limit: 5, before });
        if (page.length === 0) break;
        seen.push(...idsOf(page));
        before = page.at(-1)?.id;
      }
      expect(seen).toEqual([...numbers].reverse().map((n) => `shop/production/v${n}`));
    });

    it('finds rollouts by environment and by whether they still run', async () => {
      const other = 'other' as AppName;
      const [mine, theirs] = [aRelease(1), aRelease(1, { app: other })];
      const rollouts = [
        aRollout({ id: 'a1', release: mine, phase: 'succeeded' }),
        aRollout({ id: 'a2', release: theirs, phase: 'baking' }),
        aRollout({ id: 'a3', release: mine, phase: 'shifting' }),
        aRollout({ id: 'a4', release: mine, phase: 'held' }),
      ];
      await commit({ releases: [mine, theirs], rollouts });
      const found = async (filter: Parameters<Store['rollouts']>[0], page: Page = all): Promise<readonly string[]> =>
        idsOf(await store.rollouts(filter, page));
      expect(await found({})).toEqual(['a4', 'a3', 'a2', 'a1']);
      expect(await found({ active: true })).toEqual(['a4', 'a3', 'a2']);
      expect(await found({ active: false })).toEqual(['a1']);
      expect(await found({ environment: shopKey, active: true })).toEqual(['a4', 'a3']);
      expect(await found({ environment: shopKey }, { limit: 2, before: 'a4' })).toEqual(['a3', 'a1']);
      await commit({ rollouts: [aRollout({ id: 'a3', release: mine, phase: 'failed' })] });
      expect(await found({ environment: shopKey, active: true })).toEqual(['a4']);
    });

    it('hands events out in the order of the decisions, from any point on, by app, environment and rollout', async () => {
      const release = aRelease(1);
      const rollout = aRollout({ id: 'a1', release, phase: 'queued' }).id;
      const staging = 'staging' as EnvironmentName;
      const bare = { type: 'e4', at: anEvent('').at, body: {} };
      await commit({ events: [anEvent('e1'), anEvent('e2', { rollout })] });
      await commit({
        events: [
          anEvent('e3', { app: 'other' as AppName, environment: staging }),
          bare,
          anEvent('e5', { environment: staging, rollout }),
        ],
      });
      const types = async (filter: Omit<Parameters<Store['events']>[0], 'limit'>, limit = 100): Promise<string> =>
        (await store.events({ ...filter, limit })).map((event) => event.type).join(' ');
      const everything = await store.events({ limit: 100 });
      const sequences = everything.map((event) => event.sequence);
      expect(everything.map((event) => event.type).join(' ')).toBe('e1 e2 e3 e4 e5');
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
      expect(everything[3]).toEqual({ ...bare, sequence: sequences[3] });
      expect(await types({ after: sequences[2] as number })).toBe('e4 e5');
      expect(await types({ after: sequences[0] as number }, 2)).toBe('e2 e3');
      expect(await types({ newest: true }, 2)).toBe('e4 e5');
      expect(await types({ newest: true, after: sequences[3] as number }, 5)).toBe('e5');
      expect(await types({ app: shop })).toBe('e1 e2 e5');
      expect(await types({ app: shop, environment: production })).toBe('e1 e2');
      expect(await types({ environment: staging })).toBe('e3 e5');
      expect(await types({ rollout })).toBe('e2 e5');
      expect(await types({ rollout, app: shop, environment: staging, newest: true }, 1)).toBe('e5');
    });

    it('refuses pages without bounds and page marks of another list', async () => {
      for (const limit of [0, -1, 1.5, 501, Number.NaN]) await refused(store.releases(shopKey, { limit }), 'BAD_REQUEST');
      await refused(store.rollouts({}, { limit: 1000 }), 'BAD_REQUEST');
      await refused(store.events({ limit: 0 }), 'BAD_REQUEST');
      await refused(store.releases(shopKey, { limit: 5, before: 'shop/staging/v3' }), 'BAD_REQUEST');
      await refused(store.releases(shopKey, { limit: 5, before: 'v3' }), 'BAD_REQUEST');
    });

    it('hands workloads out once each, in the order they were asked for', async () => {
      const shared = aWorkload('shared');
      await commit({
        releases: [aRelease(1, { workloads: [shared, aWorkload('w1')] }), aRelease(2, { workloads: [shared, aWorkload('w2')] })],
      });
      const ids = ['w2', 'shared', 'w2', 'unknown', 'w1'] as WorkloadId[];
      expect((await store.workloads(ids)).map((workload) => workload.id)).toEqual(['w2', 'shared', 'w1']);
    });

    it('prunes the oldest releases with their rollouts and events, and workloads that nobody has any more', async () => {
      const shared = aWorkload('shared');
      for (const n of [1, 2, 3, 4, 5]) {
        const release = aRelease(n, { workloads: [shared, aWorkload(`w${n}`)] });
        const rollout = aRollout({ id: `r${n}`, release, phase: 'succeeded' });
        await commit({ releases: [release], rollouts: [rollout], events: [anEvent(`e${n}`, { rollout: rollout.id })] });
      }
      const keep = [aRelease(1).id];
      expect(await store.prune({ releasesPerEnvironment: 2, events: 1000, keep })).toEqual([
        'shop/production/v2',
        'shop/production/v3',
      ]);
      expect(idsOf(await store.releases(shopKey, all))).toEqual([
        'shop/production/v5',
        'shop/production/v4',
        'shop/production/v1',
      ]);
      expect(idsOf(await store.rollouts({}, all))).toEqual(['r5', 'r4', 'r1']);
      expect((await store.events({ limit: 10 })).map((event) => event.type)).toEqual(['e1', 'e4', 'e5']);
      const left = await store.workloads(['shared', 'w1', 'w2', 'w3', 'w4'] as WorkloadId[]);
      expect(left.map((workload) => workload.id)).toEqual(['shared', 'w1', 'w4']);
      expect(await store.prune({ releasesPerEnvironment: 2, events: 1000, keep })).toEqual([]);
    });

    it('never prunes what an environment or a running rollout names', async () => {
      const releases = Array.from({ length: 8 }, (_, n) => aRelease(n + 1));
      const id = (n: number) => aRelease(n).id;
      const arms: readonly Arm[] = [1, 2].map((n) => ({ release: id(n), weight: 5000, role: n === 1 ? 'stable' : 'canary' }));
      const running = { ...aRollout({ id: 'run', release: aRelease(4), phase: 'held' }), from: id(5), fallback: id(6) };
      const ended = { ...aRollout({ id: 'end', release: aRelease(7), phase: 'succeeded' }), from: id(8) };
      await commit({ releases, environments: [anEnvironment({ arms, proven: id(3) })], rollouts: [running, ended] });
      expect(await store.prune({ releasesPerEnvironment: 0, events: 1000, keep: [] })).toEqual([id(7), id(8)]);
    });

    it('prunes events to the newest and goes on counting where it was', async () => {
      await commit({ events: Array.from({ length: 4500 }, (_, n) => anEvent(`e${n}`)) });
      await store.prune({ releasesPerEnvironment: 10, events: 3, keep: [] });
      expect((await store.events({ limit: 10 })).map((event) => event.type)).toEqual(['e4497', 'e4498', 'e4499']);
      await store.prune({ releasesPerEnvironment: 10, events: 0, keep: [] });
      await commit({ events: [anEvent('next')] });
      expect((await store.events({ limit: 10 })).map((event) => event.sequence)).toEqual([4501]);
    });

    it('prunes more than one bite of releases in one call', async () => {
      await commit({ releases: Array.from({ length: 230 }, (_, n) => aRelease(n + 1)) });
      const removed = await store.prune({ releasesPerEnvironment: 5, events: 10, keep: [aRelease(1).id] });
      expect(removed).toHaveLength(224);
      expect(idsOf(await store.releases(shopKey, all))).toHaveLength(6);
    });

    it('keeps everything over a restart', async () => {
      await commit({ environments: [anEnvironment()], releases: [aRelease(1)], events: [anEvent('before')] });
      await store.close();
      const next = await open();
      expect(idsOf(await next.releases(shopKey, all))).toEqual(['shop/production/v1']);
      const lease = await next.acquire();
      await next.commit({
        epoch: lease.epoch,
        at: instant(2),
        environments: [anEnvironment({ revision: 1 })],
        events: [anEvent('after')],
      });
      expect((await next.events({ limit: 5 })).map((event) => event.type)).toEqual(['before', 'after']);
    });

    it('refuses calls after close with an error, and may be closed twice', async () => {
      await store.close();
      await store.close();
      await refused(store.apps(), 'INTERNAL', 'closed');
      await refused(commit({ events: [anEvent('late')] }), 'INTERNAL', 'closed');
    });

    it('lists only the environment that was asked for when names look alike', async () => {
      await commit({ releases: [aRelease(1), aRelease(1, { app: 'shop/x' as AppName })] });
      expect(idsOf(await store.releases('shop/x/production' as EnvironmentKey, all))).toEqual(['shop/x/production/v1']);
    });
  });
}

/** The call is refused with this code, and says why. */
export async function refused(call: Promise<unknown>, code: ErrorCode, words = ''): Promise<SignalboxError> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignalboxError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
  return error as SignalboxError;
}
