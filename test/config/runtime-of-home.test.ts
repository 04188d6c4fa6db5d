import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { forgetRuntime, keepRuntime } from '../../src/config/runtime-of-home.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-runtime-'));
  file = join(folder, 'runtime');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the runtime of a home', () => {
  test('may be chosen anew as long as nothing serves', () => {
    keepRuntime(file, { wanted: 'docker', serves: false });
    keepRuntime(file, { wanted: 'process', serves: false });
    keepRuntime(file, { wanted: 'process', serves: true });
  });

  test.each([
    ['process', 'docker'],
    ['docker', 'process'],
  ] as const)('is not changed from %s to %s while releases of the first serve', (first, second) => {
    keepRuntime(file, { wanted: first, serves: false });
    const change = () => keepRuntime(file, { wanted: second, serves: true });
    expect(change).toThrow(`SIGNALBOX_RUNTIME=${first}`);
    // Refused every time, and the first one starts as before.
    expect(change).toThrow(expect.objectContaining({ code: 'RUNTIME_CHANGED' }) as Error);
    keepRuntime(file, { wanted: first, serves: true });
  });

  test('of a home from before there was a choice is processes', () => {
    expect(() => keepRuntime(file, { wanted: 'docker', serves: true })).toThrow('SIGNALBOX_RUNTIME=process');
  });

  test('may be chosen anew once everything was ended', () => {
    keepRuntime(file, { wanted: 'docker', serves: false });
    forgetRuntime(file);
    keepRuntime(file, { wanted: 'process', serves: true });
  });
});
