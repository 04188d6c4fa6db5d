import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Prepared, prepare } from '../../../src/adapters/runtime/process/prepare.ts';
import { openUsers } from '../../../src/adapters/runtime/process/users.ts';
import type { Workload } from '../../../src/domain/release.ts';
import { base } from './place.ts';

let dir: string;
let artifact: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sb-prepare-'));
  chmodSync(dir, 0o711);
  artifact = join(dir, 'artifacts/shop/key');
  mkdirSync(artifact, { recursive: true });
  writeFileSync(join(artifact, 'main.js'), '');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const prepared = (persist: readonly string[], users: 'own' | 'current' = 'current'): Promise<Prepared> => {
  const workload = {
    id: 'w1',
    app: 'shop',
    environment: 'production',
    service: 'web',
    artifact: { app: 'shop', key: 'key', path: '.' },
    persist,
  } as unknown as Workload;
  const folders = Object.fromEntries(['artifacts', 'work', 'persist', 'logs'].map((name) => [name, join(dir, name)])) as never;
  mkdirSync(join(dir, 'work/scratch'), { recursive: true, mode: 0o711 });
  return prepare(
    { workload, copy: '1', command: 'true', env: {}, listen: null },
    {
      folders,
      base,
      users: users === 'own' ? openUsers(join(dir, 'users.json')) : null,
      whenUnreachable: 'refuse',
      note: () => {},
      system: { path: base.path, mailCatcher: '' },
    },
  );
};

describe('folders that last', () => {
  it('are for the app alone, whatever the repository had there', async () => {
    mkdirSync(join(artifact, 'data'));
    writeFileSync(join(artifact, 'data/app.db'), 'x');
    writeFileSync(join(artifact, 'state.json'), '{}');
    await prepared(['data', 'state.json', 'uploads']);
    const kept = join(dir, 'persist/shop/production');
    const modes = ['data', 'state.json', 'uploads'].map((name) => (statSync(join(kept, name)).mode & 0o777).toString(8));
    expect(modes).toEqual(['700', '600', '700']);
  });

  it('may have been a link in the repository: what it points to is left alone', async () => {
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), 'x');
    symlinkSync(outside, join(artifact, 'uploads'));
    const { place } = await prepared(['uploads']);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('x');
    expect(existsSync(join(place.cwd, 'uploads/precious'))).toBe(false);
  });

  it('below a link that leads out of the repository are refused, and nothing there is touched', async () => {
    const outside = join(dir, 'outside');
    mkdirSync(join(outside, 'uploads'), { recursive: true });
    writeFileSync(join(outside, 'uploads/precious'), 'x');
    symlinkSync(outside, join(artifact, 'data'));
    await expect(prepared(['data/uploads'])).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('data/uploads'),
    });
    expect(readFileSync(join(outside, 'uploads/precious'), 'utf8')).toBe('x');
    expect(existsSync(join(dir, 'persist/shop/production/data'))).toBe(false);
  });

  it('below a link within the repository work as anywhere else', async () => {
    mkdirSync(join(artifact, 'var/uploads'), { recursive: true });
    symlinkSync('var', join(artifact, 'data'));
    const { place } = await prepared(['data/uploads']);
    writeFileSync(join(place.cwd, 'var/uploads/new'), 'x');
    expect(readFileSync(join(dir, 'persist/shop/production/data/uploads/new'), 'utf8')).toBe('x');
  });
});

describe('a copy in the making', () => {
  it.skipIf(process.getuid?.() !== 0)(
    'is closed to everybody until it is whole: the app cannot lead root astray in it',
    async () => {
      for (let n = 0; n < 200; n += 1) {
        mkdirSync(join(artifact, `folder-${n}`));
        writeFileSync(join(artifact, `folder-${n}/file`), 'x');
      }
      const folder = join(dir, 'work/scratch/w1/1');
      const seen = new Set<string>();
      let over = false;
      const watching = (async () => {
        while (!over) {
          const facts = statSync(folder, { throwIfNoEntry: false });
          if (facts && facts.uid === 0) seen.add((facts.mode & 0o777).toString(8));
          await breathe();
        }
      })();
      const { place, owner } = await prepared([], 'own');
      over = true;
      await watching;
      expect([...seen]).toEqual(['700']);
      expect(statSync(dirname(place.root)).uid).toBe(owner?.uid);
    },
  );
});
