import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Delivery, type Hook, rememberedFor, rememberedOfApp } from '../../src/domain/forge/delivery.ts';
import { type AppName, type Epoch, instant, type WallTime } from '../../src/domain/values.ts';
import type { Change, Store } from '../../src/ports/store.ts';
import { shop } from './store-documents.ts';
import { refused, type StorePlace } from './store.ts';

const other = 'other' as AppName;

export const aHook = (changes: Partial<Hook> = {}): Hook => ({
  app: shop,
  kind: 'github',
  url: 'https://github.com/acme/shop.git',
  api: null,
  token: false,
  deployKey: false,
  createdAt: 5 as WallTime,
  ...changes,
});

export const aDelivery = (id: string, changes: Partial<Delivery> = {}): Delivery => ({
  id,
  app: shop,
  name: `name-${id}`,
  digest: null,
  event: { type: 'ping' },
  receivedAt: 5 as WallTime,
  at: instant(1),
  state: 'done',
  attempts: 0,
  outcome: null,
  ...changes,
});

/** The part of the Store port's contract that is about webhooks. */
export function deliverySuite(name: string, place: () => Promise<StorePlace>): void {
  describe(`store of webhooks: ${name}`, () => {
    let home: StorePlace;
    let store: Store;
    let epoch: Epoch;
    const commit = (change: Partial<Change>): Promise<void> => store.commit({ epoch, at: instant(1), ...change });
    const found = async (filter: Parameters<Store['deliveries']>[0], limit = 500): Promise<string> =>
      (await store.deliveries(filter, { limit })).map(({ id }) => id).join(' ');

    beforeEach(async () => {
      home = await place();
      store = await home.open();
      ({ epoch } = await store.acquire());
    });
    afterEach(async () => {
      await store.close();
      await home.remove();
    });

    it('keeps one hook per app, the newest, until it is removed', async () => {
      expect(await store.hooks()).toEqual([]);
      await commit({ hooks: [aHook(), aHook({ app: other })] });
      await commit({ hooks: [aHook({ kind: 'gitea' })] });
      expect(await store.hooks()).toEqual([aHook({ app: other }), aHook({ kind: 'gitea' })]);
      await commit({ removedHooks: [shop] });
      expect(await store.hooks()).toEqual([aHook({ app: other })]);
    });

    it('hands deliveries out newest first, by app, name, digest, and those that are not over', async () => {
      await commit({
        deliveries: [
          aDelivery('a1', { digest: 'd1', state: 'waiting' }),
          aDelivery('a2', { digest: 'd1' }),
          aDelivery('a3', { app: other, digest: 'd1', state: 'working' }),
          aDelivery('a4', { state: 'failed' }),
        ],
      });
      expect(await found({ app: shop })).toBe('a4 a2 a1');
      expect(await found({ app: shop }, 2)).toBe('a4 a2');
      expect((await store.deliveries({ app: shop }, { limit: 5, before: 'a2' })).map(({ id }) => id)).toEqual(['a1']);
      expect(await found({ app: shop, name: 'name-a2' })).toBe('a2');
      expect(await found({ app: other, name: 'name-a2' })).toBe('');
      expect(await found({ app: shop, digest: 'd1' })).toBe('a2 a1');
      expect(await found({ open: true })).toBe('a3 a1');
      await commit({ deliveries: [aDelivery('a1', { digest: 'd1', outcome: 'live' })] });
      expect(await found({ open: true })).toBe('a3');
      expect(await store.deliveries({ app: shop, name: 'name-a1' }, { limit: 1 })).toEqual([
        aDelivery('a1', { digest: 'd1', outcome: 'live' }),
      ]);
      await refused(store.deliveries({ open: true }, { limit: 501 }), 'BAD_REQUEST');
    });

    it('refuses a name that its app has already, and writes nothing of that change', async () => {
      await commit({ deliveries: [aDelivery('a1')] });
      const twice = { deliveries: [aDelivery('a2', { name: 'name-a1' })], hooks: [aHook()] };
      await refused(commit(twice), 'CONFLICT', 'name-a1');
      expect(await store.hooks()).toEqual([]);
      await commit({ deliveries: [aDelivery('a3', { app: other, name: 'name-a1' })] });
    });

    it('forgets what is over and long past, and what is beyond the newest of an app, but nothing that is still to do', async () => {
      const late = instant(rememberedFor + 2);
      await commit({ deliveries: [aDelivery('a1'), aDelivery('a2', { state: 'waiting' }), aDelivery('a3', { app: other })] });
      await store.commit({ epoch, at: late, deliveries: [aDelivery('a4', { at: late })] });
      expect(await found({ app: shop })).toBe('a4 a2');
      expect(await found({ app: other })).toBe('a3');
      const many = Array.from({ length: 9999 }, (_, n) => aDelivery(`b${String(n).padStart(5, '0')}`, { at: late }));
      for (let from = 0; from < many.length; from += 1000)
        await store.commit({ epoch, at: late, deliveries: many.slice(from, from + 1000) });
      await store.commit({ epoch, at: late, deliveries: [aDelivery('c1', { at: late }), aDelivery('c2', { at: late })] });
      expect(rememberedOfApp).toBe(10_000);
      expect(await found({ app: shop, name: 'name-a4' })).toBe('');
      expect(await found({ app: shop, name: 'name-a2' })).toBe('a2');
      expect(await found({ app: shop, name: 'name-b00001' })).toBe('b00001');
    });
  });
}
