import Sqlite from 'libsql';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { instant } from '../../../src/domain/values.ts';
import { refused } from '../../conformance/store.ts';
import { anEvent, shopKey } from '../../conformance/store-documents.ts';
import { Place } from './place.ts';
import { compilePrograms, type Programs } from './programs.ts';

let programs: Programs;
let place: Place;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs.remove());
beforeEach(async () => {
  place = await Place.make(programs);
});
afterEach(() => place.remove());

const kills = 32;

it(`keeps every acknowledged commit, whole, over ${kills} kills at any moment`, { timeout: 120_000 }, async () => {
  const acknowledged = new Set<number>();
  for (let round = 0; round < kills; round += 1) {
    const committer = place.start('commit');
    // Another point each time: some are killed right after the lock, some deep in the stream of commits.
    await committer.hears(1 + ((round * 7) % 31));
    await committer.kill();
    for (const line of committer.lines) if (line.startsWith('ack ')) acknowledged.add(Number(line.slice(4)));
  }
  const store = await place.open();
  expect((await store.acquire()).epoch).toBe(kills + 1);
  const newest = (await store.environment(shopKey))?.revision ?? -1;
  expect(acknowledged.size).toBeGreaterThan(5 * kills);
  expect(newest).toBeGreaterThanOrEqual(Math.max(...acknowledged));
  // Revisions follow one another, so each one up to the newest was committed: its release and its event must be there too.
  const sqlite = new Sqlite(place.file);
  const value = (sql: string): unknown => Object.values(sqlite.prepare(sql).raw().all()[0] as unknown[])[0];
  expect(value('PRAGMA integrity_check')).toBe('ok');
  expect(value('SELECT count(*) FROM release')).toBe(newest + 1);
  expect(value('SELECT count(*) FROM event')).toBe(newest + 1);
  expect(value('SELECT max(number) FROM release')).toBe(newest + 1);
  expect(value('SELECT count(*) FROM pragma_foreign_key_check')).toBe(0);
  sqlite.close();
});

it('refuses the home to a second process and names the first; a killed one leaves it free at once', async () => {
  const first = place.start('hold');
  await first.says(/^epoch 1$/);
  const second = place.start('hold');
  await expect(second.says(/^refused HOME_IN_USE/)).resolves.toContain(`pid ${first.child.pid}`);
  expect(await second.exit()).toBe(3);
  const store = await place.open();
  await refused(store.acquire(), 'HOME_IN_USE', `pid ${first.child.pid}`);
  await first.kill();
  await expect(store.acquire()).resolves.toMatchObject({ epoch: 2 });
});

it('does not lose the lock when another store of the same process tries to take it', async () => {
  const [first, second] = [await place.open(), await place.open()];
  await first.acquire();
  await refused(second.acquire(), 'HOME_IN_USE');
  await second.close();
  const other = place.start('hold');
  await other.says(/^refused HOME_IN_USE/);
});

it('does not name a process that is gone', async () => {
  const dead = place.start('hold');
  await dead.says(/^epoch/);
  await dead.kill();
  const holder = new Sqlite(place.lockFile);
  holder.exec('BEGIN EXCLUSIVE');
  const store = await place.open();
  const error = await refused(store.acquire(), 'HOME_IN_USE', 'another control plane.');
  expect(error.details['pid']).toBeNull();
  holder.exec('ROLLBACK');
  holder.close();
});

it('lets others read while one control plane has the home', async () => {
  const [owner, reader] = [await place.open(), await place.open()];
  const { epoch } = await owner.acquire();
  await owner.commit({ epoch, at: instant(1), events: [anEvent('seen')] });
  expect(await reader.events({ limit: 5 })).toHaveLength(1);
});
