import { mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Database, migrate, openDatabase } from '../../../src/adapters/store/sqlite/database.ts';
import { migrations } from '../../../src/adapters/store/sqlite/schema.ts';
import { instant } from '../../../src/domain/values.ts';
import { refused } from '../../conformance/store.ts';
import { aRelease, anEvent } from '../../conformance/store-documents.ts';
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

/** An installation with some decisions, closed in order. */
async function used(): Promise<void> {
  const store = await place.open();
  const { epoch } = await store.acquire();
  const releases = Array.from({ length: 200 }, (_, n) => aRelease(n + 1));
  await store.commit({ epoch, at: instant(1), releases, events: [anEvent('first')] });
  await store.close();
}

async function refusedUntouched(words: string, code: 'STORE_CORRUPT' | 'STORE_NEWER' = 'STORE_CORRUPT'): Promise<void> {
  const before = await readFile(place.file);
  const error = await refused(place.open(), code, words);
  expect(error.message).toContain(place.file);
  expect(error.hint).not.toBe('');
  expect(await readFile(place.file)).toEqual(before);
}

it('refuses a file that is no database, names it and leaves it as it is', async () => {
  await writeFile(place.file, 'Dear diary, today I was renamed to signalbox.db. '.repeat(200));
  await refusedUntouched('damaged');
});

it('refuses a database that was cut short', async () => {
  await used();
  await truncate(place.file, 3000);
  await refusedUntouched('damaged');
});

it('refuses the database of another program', async () => {
  const foreign = new Sqlite(place.file);
  foreign.exec('CREATE TABLE bookmark (url TEXT)');
  foreign.close();
  await refusedUntouched('another program');
});

it('refuses a log whose database is gone, which opening would delete', async () => {
  await used();
  const store = await place.open();
  const { epoch } = await store.acquire();
  await store.commit({ epoch, at: instant(2), events: [anEvent('only in the log')] });
  const log = await readFile(`${place.file}-wal`);
  expect(log.length).toBeGreaterThan(0);
  await store.close();
  await rm(place.file);
  await writeFile(`${place.file}-wal`, log);
  await refused(place.open(), 'STORE_CORRUPT', 'is gone or empty');
  expect(await readFile(`${place.file}-wal`)).toEqual(log);
});

it('refuses a schema newer than its own and says both versions', async () => {
  await used();
  const newer = new Sqlite(place.file);
  newer.exec(`PRAGMA user_version = ${migrations.length + 1}`);
  newer.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  newer.close();
  await refusedUntouched(`schema ${migrations.length + 1}; this one knows ${migrations.length}`, 'STORE_NEWER');
});

it('answers damage that a read meets later with the same error, and other reads go on', async () => {
  await used();
  const { size } = await stat(place.file);
  const handle = await open(place.file, 'r+');
  const garbage = Buffer.alloc(4096, 0xff);
  for (let at = Math.floor(size / 8192) * 4096; at < size; at += 4096) await handle.write(garbage, 0, 4096, at);
  await handle.close();
  const store = await place.open();
  const reads = await Promise.allSettled(
    Array.from({ length: 200 }, (_, n) => store.release(aRelease(n + 1).id)).concat(store.apps() as Promise<never>),
  );
  const codes = new Set(reads.map((read) => (read.status === 'rejected' ? (read.reason as { code: string }).code : 'read')));
  expect(codes).toEqual(new Set(['read', 'STORE_CORRUPT']));
});

it('says what to check when the folder is missing or a folder stands in the place of the file', async () => {
  await refused(place.open({ file: join(place.folder, 'missing', 'signalbox.db') }), 'STORE_UNREACHABLE', 'missing');
  await mkdir(place.file);
  await refused(place.open(), 'STORE_UNREACHABLE', place.file);
});

it('keeps the database and its log to the owner', async () => {
  const store = await place.open();
  const { epoch } = await store.acquire();
  await store.commit({ epoch, at: instant(1), events: [anEvent('private')] });
  for (const file of [place.file, `${place.file}-wal`, `${place.file}.reserve`, place.lockFile, `${place.lockFile}.pid`]) {
    expect([file, (await stat(file)).mode & 0o077]).toEqual([file, 0]);
  }
});

it('flushes every commit: WAL with synchronous FULL, on the first open and on each later one', () => {
  const settings = (database: Database): unknown[] =>
    ['journal_mode', 'synchronous', 'foreign_keys'].map((each) => database.value(`PRAGMA ${each}`));
  const first = openDatabase(place.file, 1000);
  migrate(first);
  const second = openDatabase(place.file, 1000);
  expect([settings(first), settings(second)]).toEqual([
    ['wal', 2, 1],
    ['wal', 2, 1],
  ]);
  first.close();
  second.close();
});
