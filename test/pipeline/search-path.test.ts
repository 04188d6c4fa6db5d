import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reachableFirst } from '../../src/pipeline/search-path.ts';
import { succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
beforeEach(() => {
  bench = workbench();
  chmodSync(bench.folder, 0o755);
});
afterEach(() => bench.end());

/** A folder with a program that says where it is from. */
function programs(path: string, mode: number): string {
  const folder = join(bench.folder, path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'whence'), `#!/bin/sh\necho ${path}\n`, { mode: 0o755 });
  chmodSync(join(bench.folder, path.split('/')[0] ?? path), mode);
  return folder;
}

describe('programs that only the operator may run', () => {
  test('come after those that instances may run too, and are not lost', async () => {
    const own = programs('home/bin', 0o700);
    const first = programs('first', 0o755);
    const second = programs('second', 0o755);
    expect(await reachableFirst([own, first, '', second].join(':'))).toBe([first, second, own].join(':'));
    expect(await reachableFirst(`${join(bench.folder, 'missing')}:${first}`)).toBe(`${join(bench.folder, 'missing')}:${first}`);
  });

  test('are not what a build takes while there are others', async () => {
    const path = [programs('home/bin', 0o700), programs('public', 0o755), bench.options.environment.PATH ?? ''].join(':');
    const sha = bench.repository.commit({ 'in.txt': 'x' }) && (await bench.send());
    const recipe = await bench.recipe(sha, 'whence > out');
    const builder = await bench.open({ environment: { ...bench.options.environment, PATH: path } });
    succeeded(await builder.build(bench.request(sha, recipe)));
    expect(readFileSync(join(bench.artifact(recipe), 'out'), 'utf8')).toBe('public\n');
  });
});
