import { setInterval as every, setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'libsql';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Epoch, instant } from '../../../src/domain/values.ts';
import type { Store } from '../../../src/ports/store.ts';
import { refused } from '../../conformance/store.ts';
import { anEvent } from '../../conformance/store-documents.ts';
import { Place } from './place.ts';
import { compilePrograms, type Programs } from './programs.ts';

let programs: Programs;
let place: Place;
let locker: Sqlite.Database | null;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs.remove());
beforeEach(async () => {
  place = await Place.make(programs);
  locker = null;
});
afterEach(async () => {
  unlock();
  await place.remove();
});

/** Somebody else's write transaction: the store's thread really waits inside the database, as on a dead disk. */
function lock(): void {
  locker = new Sqlite(place.file);
  locker.exec('BEGIN IMMEDIATE');
}

function unlock(): void {
  if (locker?.open !== true) return;
  if (locker.inTransaction) locker.exec('ROLLBACK');
  locker.close();
}

const types = async (store: Store): Promise<string> => (await store.events({ limit: 100 })).map((event) => event.type).join(' ');
const event = (epoch: Epoch, type: string) => ({ epoch, at: instant(1), events: [anEvent(type)] });

it('waits for a database that another process has locked, then says so and has written nothing', async () => {
  const store = await place.open({ busyTimeout: 300 });
  const { epoch } = await store.acquire();
  lock();
  const error = await refused(store.commit(event(epoch, 'locked out')), 'STORE_STALLED', 'Another process');
  expect(error.details).toMatchObject({ outcome: 'not-done', file: place.file });
  expect(error.hint).toContain('fuser');
  expect(await types(store)).toBe('');
  unlock();
  await store.commit(event(epoch, 'free again'));
  expect(await types(store)).toBe('free again');
});

it('gets through when the other process lets go in time', async () => {
  const store = await place.open();
  const { epoch } = await store.acquire();
  lock();
  const commit = store.commit(event(epoch, 'patient'));
  setTimeout(unlock, 200);
  await commit;
  expect(await types(store)).toBe('patient');
});

it('answers at once whoever only looks, while a write waits for a lock of another process; what follows the write waits with it', async () => {
  const store = await place.open({ busyTimeout: 20_000, stallAfter: 30_000 });
  const { epoch } = await store.acquire();
  await store.commit(event(epoch, 'before'));
  lock();
  const order: string[] = [];
  const commit = store.commit(event(epoch, 'waits')).then(() => order.push('commit'));
  const behind = types(store).then((said) => order.push(said));
  const looks: number[] = [];
  for (let n = 0; n < 20; n++) {
    const from = performance.now();
    expect((await store.atOnce.events({ limit: 10 })).map(({ type }) => type)).toEqual(['before']);
    looks.push(performance.now() - from);
    await pause(20);
  }
  expect(order).toEqual([]);
  expect(looks.sort((a, b) => a - b)[10]).toBeLessThan(100);
  unlock();
  await Promise.all([commit, behind]);
  expect(order).toEqual(['commit', 'before waits']);
});

it('gives up a call that stalls, tells which ones were never begun, and the main thread runs on all the while', async () => {
  const store = await place.open({ stallAfter: 800, busyTimeout: 60_000 });
  const { epoch } = await store.acquire();
  lock();
  const begun = store.commit(event(epoch, 'begun'));
  const queued = [store.commit(event(epoch, 'queued')), store.apps()];
  const ticks = countTicks();
  expect((await refused(begun, 'STORE_STALLED', 'may still be written')).details['outcome']).toBe('unknown');
  for (const call of queued) expect((await refused(call, 'STORE_STALLED', 'not begun')).details['outcome']).toBe('not-done');
  expect(ticks.stop()).toBeGreaterThan(20);
  unlock();
  await store.commit(event(epoch, 'after'));
  expect(await types(store)).toBe('begun after');
});

it('queues what comes during a stall and serves it in its order once the disk answers', async () => {
  const store = await place.open({ stallAfter: 20_000, busyTimeout: 60_000 });
  const { epoch } = await store.acquire();
  lock();
  const names = Array.from({ length: 150 }, (_, n) => `e${n}`);
  const commits = names.map((name) => store.commit(event(epoch, name)));
  const read = store.events({ limit: 1000 });
  setTimeout(unlock, 300);
  await Promise.all(commits);
  expect((await read).map((each) => each.type)).toEqual(names);
});

it('closes within bounds while the disk is stalled', async () => {
  const store = await place.open({ stallAfter: 500, busyTimeout: 60_000 });
  const { epoch } = await store.acquire();
  lock();
  const commit = refused(store.commit(event(epoch, 'stuck')), 'STORE_STALLED');
  const started = performance.now();
  await store.close();
  expect(performance.now() - started).toBeLessThan(10_000);
  await commit;
  await refused(store.apps(), 'INTERNAL', 'closed');
});

/** How often a 10 ms timer fired. */
function countTicks(): { stop(): number } {
  let ticks = 0;
  const end = new AbortController();
  void (async () => {
    for await (const _ of every(10, undefined, { signal: end.signal })) ticks += 1;
  })().catch(() => undefined);
  return {
    stop: () => {
      end.abort();
      return ticks;
    },
  };
}
