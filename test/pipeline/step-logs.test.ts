import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AppName, RunId } from '../../src/domain/values.ts';
import { stepLogs } from '../../src/pipeline/step-logs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sb-steps-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const app = 'shop' as AppName;
const of = (run: string, step = 'build:web') => ({ app, run: run as RunId, step });

test('the output of a step is read by pages and by text, with the numbers of the whole; older runs are taken away', async () => {
  const logs = stepLogs(folder);
  const said: string[] = [];
  for (const run of ['n1', 'n2']) {
    const log = await logs.open(of(run), (line) => said.push(line));
    for (const text of ['one', 'Two', 'three', 'two again']) log.line(text);
    await log.close();
  }
  expect(said).toHaveLength(8);
  expect(await logs.read(of('n1'), { after: 0, limit: 2 })).toEqual({
    lines: [
      { number: 1, text: 'one' },
      { number: 2, text: 'Two' },
    ],
    next: 2,
  });
  expect(await logs.read(of('n1'), { after: 2, limit: 9, find: 'TWO' })).toEqual({
    lines: [{ number: 4, text: 'two again' }],
    next: 4,
  });
  expect(await logs.read(of('n1', 'other'), { after: 3, limit: 9 })).toEqual({ lines: [], next: 3 });
  await logs.prune(app, new Set(['n2' as RunId]));
  expect((await logs.read(of('n1'), { after: 0, limit: 9 })).lines).toEqual([]);
  expect((await logs.read(of('n2'), { after: 0, limit: 9 })).lines).toHaveLength(4);
});
