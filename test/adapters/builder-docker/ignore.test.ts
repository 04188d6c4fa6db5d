import { describe, expect, it } from 'vitest';
import { parseIgnore } from '../../../src/adapters/builder/docker/ignore.ts';

const left = (rules: string, paths: readonly string[]): string[] => {
  const parsed = parseIgnore(rules);
  return paths.filter((path) => !parsed.excludes(path));
};

describe('.dockerignore', () => {
  it('a pattern that leads out of the context matches nothing in it', () => {
    expect(left('../secret\na/../../secret\n/../other', ['secret', 'other'])).toEqual(['secret']);
  });

  it('a path may come back by an exception, also below what was left out, and the last rule counts', () => {
    const rules = 'docs\n!docs/README.md\n*.md\n!README.md\n';
    expect(left(rules, ['docs/a', 'docs/README.md', 'a.md', 'README.md', 'b/a.md'])).toEqual([
      'docs/README.md',
      'README.md',
      'b/a.md',
    ]);
    expect(left('**\n!src/**\nsrc/**/*.test.ts', ['a', 'src', 'src/a.ts', 'src/x/a.test.ts'])).toEqual(['src/a.ts']);
  });

  it('two asterisks stand for folders, any number of them, and never for a part of a name', () => {
    expect(left('**/node_modules', ['node_modules', 'a/node_modules', 'a/b/node_modules/x', 'my_node_modules'])).toEqual([
      'my_node_modules',
    ]);
    expect(left('a/**/b', ['a/b', 'a/x/b', 'a/x/y/b', 'ab'])).toEqual(['ab']);
  });

  it('is read in a moment, however it was written to take for ever', () => {
    const rules = [`${'*a'.repeat(30)}b`, `${'**/'.repeat(30)}b`, `${'**a/'.repeat(20)}b`].join('\n');
    const paths = ['a'.repeat(250), Array.from({ length: 60 }, () => 'a').join('/')];
    const began = performance.now();
    expect(left(rules, paths)).toEqual(paths);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
