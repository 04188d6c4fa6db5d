import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareSource } from '../../src/cli/send-source.ts';
import { testEnvironment, testRepository } from '../adapters/source-git-repository.ts';

let place: string;
let disk: string;
let mounted: boolean;
const before = process.env['TMPDIR'];
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sb-full-temp-'));
  disk = join(place, 'disk');
  mkdirSync(disk);
  mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', disk]).status === 0;
});
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  if (mounted) spawnSync('umount', [disk]);
  rmSync(place, { recursive: true, force: true });
});

test.for([false, true])(
  'a full folder for temporary files is called that, not a missing source (dirty: %s)',
  async (dirty, { skip }) => {
    if (!mounted) skip('needs root and mount(8), for a small disk of its own');
    const repository = testRepository(place);
    repository.commit({ 'big.bin': randomBytes(600_000).toString('base64') });
    process.env['TMPDIR'] = disk;
    const sending = prepareSource({ folder: repository.folder, dirty, environment: testEnvironment() });
    await expect(sending).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining(disk),
      hint: expect.stringContaining('TMPDIR'),
    });
    expect(readdirSync(disk)).toEqual([]);
  },
);
