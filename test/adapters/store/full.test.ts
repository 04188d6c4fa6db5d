import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SqliteStoreOptions } from '../../../src/adapters/store/sqlite/store.ts';
import { hasCode } from '../../../src/domain/errors.ts';
import { instant } from '../../../src/domain/values.ts';
import type { Store } from '../../../src/ports/store.ts';
import { refused } from '../../conformance/store.ts';
import { aRelease, aRollout, anEvent, idsOf, shopKey } from '../../conformance/store-documents.ts';
import { Place } from './place.ts';
import { compilePrograms, type Programs } from './programs.ts';

const reserve = 1024 * 1024;
const noDisk = 'needs root and mount(8), for a small disk of its own';

let programs: Programs;
let place: Place;
let disk: string;
let mounted: boolean;
let options: Partial<SqliteStoreOptions>;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs.remove());
beforeEach(async () => {
  place = await Place.make(programs);
  disk = join(place.folder, 'disk');
  mkdirSync(disk);
  mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', disk]).status === 0;
  options = { file: join(disk, 'signalbox.db'), lockFile: join(disk, 'lock'), reserve };
});
afterEach(async () => {
  const { folder } = place;
  await place.closeStores();
  if (mounted) expect(spawnSync('umount', [disk]).status, `umount in ${folder}`).toBe(0);
  await place.remove();
});

const filler = (): string => join(disk, 'filler');
const free = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
const reserveSize = (): number => statSync(join(disk, 'signalbox.db.reserve'), { throwIfNoEntry: false })?.size ?? 0;

/** Leaves not one free block. */
function fillDisk(): void {
  try {
    for (const size of [64 * 1024, 4096, 1]) {
      try {
        for (;;) writeFileSync(filler(), Buffer.alloc(size, 1), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    expect(free()).toBe(0);
  }
}

const wide = (n: number) => anEvent(`wide ${n}`, { body: { text: 'x'.repeat(20_000) } });

it('refuses new releases on a full disk, leaves nothing of them, and still records the decisions that end a rollout', async ({
  skip,
}) => {
  if (!mounted) skip(noDisk);
  const store = await place.open(options);
  const { epoch } = await store.acquire();
  const rollout = aRollout({ id: 'a1', release: aRelease(1), phase: 'baking' });
  await store.commit({ epoch, at: instant(1), releases: [aRelease(1)], rollouts: [rollout] });
  expect(reserveSize()).toBe(reserve);
  fillDisk();
  // What the log has room for already may still be written; from then on releases are refused.
  const taken = await deployUntilFull(store, epoch);
  expect(reserveSize()).toBe(reserve);
  expect(idsOf(await store.releases(shopKey, { limit: 1 }))).toEqual([aRelease(taken).id]);
  expect(await store.events({ limit: 10_000 })).toHaveLength(taken - 1);

  for (let n = 0; n < 20; n += 1) await store.commit({ epoch, at: instant(2), events: [wide(n)] });
  await store.commit({ epoch, at: instant(3), rollouts: [{ ...rollout, phase: 'rolled-back' }] });
  expect(reserveSize()).toBe(0);
  expect((await store.rollout(rollout.id))?.phase).toBe('rolled-back');
  // The reserve is for decisions: a deploy may not use it up.
  const error = await refused(
    store.commit({ epoch, at: instant(4), releases: [aRelease(taken + 1)] }),
    'STORE_FULL',
    'no new release',
  );
  expect(error.hint).toContain('Make room');

  rmSync(filler());
  await store.commit({ epoch, at: instant(5), releases: [aRelease(taken + 1)] });
  expect(reserveSize()).toBe(reserve);
});

it('says so when even the reserve is used up, loses nothing and goes on when there is room again', async ({ skip }) => {
  if (!mounted) skip(noDisk);
  const store = await place.open(options);
  const { epoch } = await store.acquire();
  fillDisk();
  let written = 0;
  const end = await (async () => {
    for (; written < 10_000; written += 1) await store.commit({ epoch, at: instant(written), events: [wide(written)] });
  })().catch((error: unknown) => error);
  expect(hasCode(end, 'STORE_FULL')).toBe(true);
  // The reserve alone holds at least this many commits of 20 kB, each written with its indexes.
  expect(written).toBeGreaterThan(10);
  expect(await store.events({ limit: 10_000 })).toHaveLength(written);
  rmSync(filler());
  await store.commit({ epoch, at: instant(1), events: [anEvent('room again')] });
  expect((await store.events({ newest: true, limit: 1 }))[0]?.type).toBe('room again');
  expect(reserveSize()).toBe(reserve);
});

it('starts on a full disk after a kill and resumes: epoch, decisions and clock are there', async ({ skip }) => {
  if (!mounted) skip(noDisk);
  const committer = place.run(process.execPath, [
    programs.committer,
    join(disk, 'signalbox.db'),
    join(disk, 'lock'),
    programs.worker,
    'commit',
  ]);
  await committer.hears(20);
  await committer.kill();
  const acknowledged = committer.lines.filter((line) => line.startsWith('ack')).length;
  fillDisk();
  const store = await place.open(options);
  const lease = await store.acquire();
  expect(lease.epoch).toBe(2);
  expect(lease.clockBase).toBeGreaterThanOrEqual(acknowledged - 1);
  await store.commit({ epoch: lease.epoch, at: instant(9_000), events: [anEvent('resumed')] });
  expect((await store.events({ newest: true, limit: 1 }))[0]?.type).toBe('resumed');
});

it('refuses a first start on a full disk with a clear error', async ({ skip }) => {
  if (!mounted) skip(noDisk);
  fillDisk();
  const start = async (): Promise<unknown> => (await place.open(options)).acquire();
  await refused(start(), 'STORE_FULL', disk);
});

/** Number of the newest release that was taken. */
async function deployUntilFull(store: Store, epoch: Awaited<ReturnType<Store['acquire']>>['epoch']): Promise<number> {
  for (let n = 2; n < 5000; n += 1) {
    const change = { epoch, at: instant(2), releases: [aRelease(n)], events: [anEvent(`release ${n}`)] };
    const error: unknown = await store.commit(change).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null) {
      expect(error).toMatchObject({ code: 'STORE_FULL' });
      return n - 1;
    }
  }
  throw new Error('the disk never filled');
}
