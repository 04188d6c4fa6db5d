import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseIgnore } from '../../../src/adapters/builder/docker/ignore.ts';
import { tar, type TarEntry } from '../../../src/adapters/builder/docker/tar.ts';

describe('.dockerignore', () => {
  test.each([
    ['a name at the top alone', 'node_modules', ['node_modules', 'node_modules/a/b'], ['web/node_modules']],
    ['a name at any depth', '**/node_modules', ['node_modules/a', 'web/node_modules/a'], ['web/modules']],
    ['a wildcard within a name', '*.md', ['README.md'], ['docs/a.md', 'README.mdx']],
    ['a question mark', 'temp?', ['temp1'], ['temp', 'temp/a', 'temp12']],
    ['everything below a folder', 'docs/**', ['docs/a', 'docs/a/b'], ['docs']],
    ['a class', '[a-c].txt', ['a.txt', 'c.txt'], ['d.txt']],
    ['a class of what is not', '[^a-c].txt', ['d.txt'], ['a.txt']],
    ['an escaped character', '\\*.txt', ['*.txt'], ['a.txt']],
    ['slashes around it, dots in it and spaces after it', ' /./build/  ', ['build/x'], ['web/build']],
    ['a comment and an empty line', '# a.txt\n\nb.txt', ['b.txt'], ['a.txt', '# a.txt']],
    ['an exception', '*.md\n!README.md', ['a.md'], ['README.md']],
    ['an exception below what is left out', 'docs\n!docs/keep', ['docs/a'], ['docs/keep', 'docs/keep/b']],
    ['the last that matches', '!a.md\n*.md', ['a.md'], []],
    ['everything but something', '*\n!src', ['a', 'web/a'], ['src', 'src/a']],
    ['letters that mean something to a pattern', 'a+(b).txt', ['a+(b).txt'], ['aab.txt']],
  ])('%s', (_, text, excluded, included) => {
    const ignore = parseIgnore(text);
    expect(excluded.filter((path) => !ignore.excludes(path))).toEqual([]);
    expect(included.filter((path) => ignore.excludes(path))).toEqual([]);
  });

  test('a pattern that is none is refused, with its line', () => {
    expect(() => parseIgnore('a\n[b')).toThrow(/line 2: "\[b" is no pattern/);
  });

  test('folders are looked through only where something below them can come back', () => {
    expect(parseIgnore('a').final).toBe(true);
    expect(parseIgnore('a\n!a/b').final).toBe(false);
  });
});

describe('an archive', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-tar-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function bytesOf(entries: readonly TarEntry[]): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of tar(entries)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  test('is read by tar: long names, links, modes, contents of any length', async () => {
    const file = join(folder, 'content');
    writeFileSync(file, 'x'.repeat(1000));
    const long = `${'folder-of-a-long-name/'.repeat(8)}ünïcode file`;
    const bytes = await bytesOf([
      { type: 'folder', name: 'empty' },
      { type: 'file', name: long, path: file, size: 1000, executable: true },
      { type: 'link', name: 'link', target: `../${'t'.repeat(150)}` },
      { type: 'text', name: 'text', text: 'exactly 512'.padEnd(512, '.') },
    ]);
    expect(bytes.length % 512).toBe(0);
    writeFileSync(join(folder, 'a.tar'), bytes);
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder });
    expect(readFileSync(join(folder, long), 'utf8')).toBe('x'.repeat(1000));
    expect(statSync(join(folder, long)).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, 'empty')).isDirectory()).toBe(true);
    expect(readlinkSync(join(folder, 'link'))).toBe(`../${'t'.repeat(150)}`);
    expect(readFileSync(join(folder, 'text'), 'utf8')).toHaveLength(512);
  });

  test('is the same for the same content, whenever and by whomever it was made', async () => {
    const of = async (name: string) => {
      const path = join(folder, name);
      writeFileSync(path, 'same', { mode: name === 'a' ? 0o600 : 0o664 });
      return bytesOf([{ type: 'file', name: 'f', path, size: 4, executable: false }]);
    };
    expect(Buffer.compare(await of('a'), await of('b'))).toBe(0);
  });

  test('breaks off when a file is not what it was', async () => {
    const path = join(folder, 'f');
    writeFileSync(path, 'more than was said');
    await expect(bytesOf([{ type: 'file', name: 'f', path, size: 4, executable: false }])).rejects.toThrow('changed while');
  });
});
