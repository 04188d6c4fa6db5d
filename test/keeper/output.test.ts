import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOutputBounds } from '../../src/keeper/output.ts';
import { type Home, makeHome, until } from './harness.ts';

let home: Home;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.destroy());

function newest(file: string): string {
  if (!existsSync(file)) return '';
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(100);
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, 100, Math.max(0, fstatSync(fd).size - 100)));
  } finally {
    closeSync(fd);
  }
}

const sizes = (file: string): number =>
  (statSync(file, { throwIfNoEntry: false })?.size ?? 0) + (statSync(`${file}.1`, { throwIfNoEntry: false })?.size ?? 0);

describe('output', () => {
  it('that floods stays within bounds while it floods, keeps its newest lines and goes on after it', async () => {
    const keeper = await home.connect();
    const limit = 1024 * 1024;
    const spec = home.spec('web.1', 'floods-logs', { FLOOD_MB: '300', FLOOD_MB_PER_S: '100' }, { logBytes: limit });
    await keeper.call('start', { epoch: 1, spec });
    let largest = 0;
    await until(
      'the flood to end',
      () => {
        largest = Math.max(largest, sizes(spec.logFile));
        return newest(spec.logFile).includes('flood over') || newest(`${spec.logFile}.1`).includes('flood over');
      },
      25_000,
    );
    // Between two looks of the keeper some 10 MB are added; without bounds it would be 300.
    expect(largest).toBeLessThan(100 * limit);
    await until('the end to be within bounds', () => sizes(spec.logFile) <= 2 * limit + 4096);
  });

  it('of an instance goes on into its file when the keeper is killed, and is bounded again by the next one', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'worker-without-port', { TICK_MS: '2' }, { logBytes: 2000 });
    await keeper.call('start', { epoch: 1, spec });
    await until('the first rotation', () => statSync(`${spec.logFile}.1`, { throwIfNoEntry: false }));
    await home.killKeeper();
    const before = home.log('web.1').length;
    await until('more lines', () => home.log('web.1').length !== before);
    await until('a rotation by the new keeper', () => statSync(`${spec.logFile}.1`).mtimeMs > Date.now() - 200);
    expect(sizes(spec.logFile)).toBeLessThan(40_000);
  });

  it('survives the deletion of its folder', async () => {
    const keeper = await home.connect();
    const spec = home.spec('web.1', 'worker-without-port', { TICK_MS: '20' });
    const { pid } = await keeper.call('start', { epoch: 1, spec });
    rmSync(join(home.dir, 'logs'), { recursive: true });
    process.kill(pid ?? 0, 'SIGKILL');
    await until('output after the restart', () => home.log('web.1').includes('tick 1 '));
  });

  it('that was quiet for long is bounded as soon as it floods, also after its file was made anew', async () => {
    const file = join(home.dir, 'quiet.log');
    const faults: unknown[] = [];
    const bounds = openOutputBounds((_, cause) => void faults.push(cause));
    try {
      writeFileSync(file, '');
      bounds.watch(file, 1000);
      for (const made of ['at first', 'anew']) {
        // Longer than it is looked at for growth, shorter than the next look at everything.
        await wait(800);
        const flooded = performance.now();
        appendFileSync(file, `${'x'.repeat(2000)} ${made}\n`);
        await until('the rotation', () => statSync(file, { throwIfNoEntry: false })?.size === 0, 10_000);
        expect(performance.now() - flooded).toBeLessThan(3000);
        expect(newest(`${file}.1`)).toContain(made);
        await wait(800);
        rmSync(file);
        writeFileSync(file, '');
      }
      expect(faults).toEqual([]);
    } finally {
      bounds.close();
    }
  });

  it('that nobody may watch is looked at all the same', async () => {
    const file = join(home.dir, 'late.log');
    const bounds = openOutputBounds(() => undefined);
    try {
      bounds.watch(file, 1000);
      await wait(800);
      writeFileSync(file, 'x'.repeat(2000));
      await until('the rotation', () => statSync(file).size === 0, 3000);
    } finally {
      bounds.close();
    }
  });
});
