import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pushedSource } from '../../../src/adapters/source/git/pushed.ts';
import type { AppName } from '../../../src/domain/values.ts';
import type { PushedSource } from '../../../src/ports/pushed-source.ts';
import type { TestRepository } from '../source-git-repository.ts';
import { type DoorPlace, openDoorPlace } from './place.ts';

const app = 'shop' as AppName;
let place: DoorPlace;
let shop: TestRepository;
let source: PushedSource;
beforeEach(async () => {
  place = await openDoorPlace();
  shop = place.repository('shop');
  shop.git('remote', 'add', 'signalbox', `${place.url}/shop.git`);
  source = pushedSource(() => ({
    app,
    gitDir: join(place.folder, 'shop.git'),
    searchPath: process.env['PATH'] ?? '',
    timeout: 60_000,
  }));
});
afterEach(async () => {
  expect(place.faults).toEqual([]);
  await place.close();
});
const push = async (...words: string[]): Promise<void> => {
  const { code, said } = await place.git(shop.folder, 'push', 'signalbox', ...words);
  expect(code, said).toBe(0);
};

const pointer = (size: number): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize ${size}\n`;

describe('what a push is judged by', () => {
  it('names submodules and pointers of LFS, and nothing that only looks like them', async () => {
    const first = shop.commit({ 'a.txt': pointer(1) });
    await push('main');
    // Nobody said that files of this repository are kept elsewhere.
    expect(await source.notFetched(app, first, 5)).toEqual({ modules: [], pointers: [] });
    shop.write({
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'big.bin': pointer(5_000_000),
      'deep/er/ünï "x".bin': pointer(7),
      'text.md': `It begins with\n${pointer(1)}`,
    });
    shop.git('add', '--all');
    shop.git('update-index', '--add', '--cacheinfo', `160000,${'b'.repeat(40)},vendor/lib`);
    shop.git('commit', '-q', '-m', 'More');
    await push('main');
    const found = await source.notFetched(app, shop.git('rev-parse', 'HEAD'), 5);
    expect(found.modules).toEqual(['vendor/lib']);
    expect([...found.pointers].sort()).toEqual(['a.txt', 'big.bin', 'deep/er/ünï "x".bin']);
    expect((await source.notFetched(app, shop.git('rev-parse', 'HEAD'), 1)).pointers).toHaveLength(1);
  });

  it('takes for the usual branch the one of main and master that came first, as long as it is there', async () => {
    shop.commit({ 'a.txt': 'a' });
    await push('main:other');
    expect(await source.defaultBranch(app)).toBeNull();
    await push('main:master');
    expect(await source.defaultBranch(app)).toBe('master');
    await push('main:main');
    expect(await source.defaultBranch(app)).toBe('master');
    await push('--delete', 'master');
    expect(await source.defaultBranch(app)).toBeNull();
    shop.commit({ 'a.txt': 'b' });
    await push('main:main');
    expect(await source.defaultBranch(app)).toBe('main');
  });

  it('knows a rewritten branch, also when what is pushed comes from a shallow clone', async () => {
    const first = shop.commit({ 'a.txt': 'a' });
    await push('main');
    const second = shop.commit({ 'a.txt': 'b' });
    expect(await source.contains(app, first, first)).toBe(true);
    const shallow = join(shop.folder, '..', 'shallow');
    await place.git(shop.folder, 'clone', '-q', '--depth', '1', `file://${shop.folder}`, shallow);
    const pushed = await place.git(shallow, 'push', '--force', `${place.url}/shop.git`, 'main');
    expect(pushed.code, pushed.said).toBe(0);
    // Its history goes on from what was here.
    expect(await source.contains(app, second, first)).toBe(true);
    expect(existsSync(join(place.folder, 'shop.git', 'shallow'))).toBe(false);
    expect(await source.subject(app, second)).toBe('Change');
    shop.git('reset', '-q', '--hard', first);
    const other = shop.commit({ 'a.txt': 'c' });
    await push('--force', 'main');
    expect(await source.contains(app, other, second)).toBe(false);
  });

  it('leaves no end of a history behind that was refused', async () => {
    shop.commit({ 'a.txt': 'a' });
    await push('main');
    const other = place.repository('other');
    other.commit({ 'x.txt': 'x' });
    other.commit({ 'x.txt': 'y' });
    const shallow = join(other.folder, '..', 'stranger');
    await place.git(other.folder, 'clone', '-q', '--depth', '1', `file://${other.folder}`, shallow);
    const { code, said } = await place.git(shallow, 'push', `${place.url}/shop.git`, 'main:theirs');
    expect([code, said]).toEqual([1, expect.stringContaining('[APP_TAKEN]')]);
    writeFileSync(join(shop.folder, 'a.txt'), 'b');
    shop.commit({ 'a.txt': 'b' });
    await push('main');
    expect((await place.inside('shop', 'fsck', '--no-dangling')).code).toBe(0);
  });
});

describe('too many at a time', () => {
  it('are told to come again, and let in when there is room', async () => {
    await place.close();
    place = await openDoorPlace({ requests: 1 });
    shop = place.repository('shop');
    shop.commit({ 'a.txt': 'a' });
    shop.git('remote', 'add', 'signalbox', `${place.url}/shop.git`);
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    place.answer = async () => {
      await held;
      return { ok: true, deployed: false };
    };
    const first = place.start(shop.folder, 'push', 'signalbox', 'main');
    await expect.poll(() => place.updates.length, { timeout: 15_000 }).toBe(1);
    const refused = await place.git(shop.folder, 'ls-remote', 'signalbox');
    expect([refused.code, refused.said]).toEqual([128, expect.stringContaining('503')]);
    letGo();
    expect((await first.done).code).toBe(0);
    expect((await place.git(shop.folder, 'ls-remote', 'signalbox')).code).toBe(0);
  });
});
