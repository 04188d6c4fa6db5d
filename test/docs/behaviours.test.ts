import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Tooth {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly test: string;
  readonly named?: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const textOf = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const teeth = readdirSync(`${root}test/teeth`)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => JSON.parse(textOf(`test/teeth/${name}`)) as Tooth[]);

interface Row {
  readonly behaviour: string;
  readonly tests: readonly string[];
  readonly teeth: readonly string[];
}

const rows: readonly Row[] = textOf('docs/behaviours.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| behaviour |'))
  .map((line) => {
    const [behaviour = '', tests = '', named = ''] = line.slice(2, -2).split(' | ');
    return { behaviour, tests: tests.split('<br>'), teeth: named.split('<br>') };
  });

/** Suites that run against every adapter have their names in a file beside the one that runs them. */
const suites: Readonly<Record<string, string>> = {
  'test/conformance/data-plane-embedded.test.ts': 'test/conformance/data-plane.ts',
  'test/conformance/store.test.ts': 'test/conformance/store.ts',
  'test/conformance/runtime-process.test.ts': 'test/conformance/runtime.ts',
  'test/conformance/runtime-docker.test.ts': 'test/conformance/runtime.ts',
  'test/dev/session.test.ts': 'test/dev/session-suite.ts',
  'test/dev/session-docker.test.ts': 'test/dev/session-suite.ts',
};
const says = (test: string, name: string): boolean =>
  [test, suites[test]].some((path) => path !== undefined && textOf(path).includes(name));

describe('the page of behaviours', () => {
  it('names only tests that exist', () => {
    expect(rows.length).toBeGreaterThan(40);
    const gone = rows.flatMap(({ behaviour, tests }) =>
      tests.flatMap((entry) => {
        const [, path = '', name = ''] = /^`(.+?)` (.+)$/.exec(entry) ?? [];
        return path !== '' && says(path, name) ? [] : [`${behaviour}: ${entry}`];
      }),
    );
    expect(gone).toEqual([]);
  });

  it('has at least one tooth for each behaviour, and names them all', () => {
    const known = new Set(teeth.map(({ name }) => name));
    expect(
      rows.flatMap((row) => row.teeth.filter((name) => !known.has(name)).map((name) => `${row.behaviour}: ${name}`)),
    ).toEqual([]);
    const named = new Set(rows.flatMap((row) => row.teeth));
    expect([...known].filter((name) => !named.has(name))).toEqual([]);
  });
});

describe('teeth', () => {
  it('have a name each, and break a text that is there exactly once', () => {
    expect(new Set(teeth.map(({ name }) => name)).size).toBe(teeth.length);
    const lost = teeth.filter(({ file, find }) => textOf(file).split(find).length !== 2);
    expect(lost.map(({ name, file }) => `${name} (${file})`)).toEqual([]);
  });

  it('name tests that exist', () => {
    expect(teeth.filter(({ test, named }) => !says(test, named ?? '')).map(({ name }) => name)).toEqual([]);
  });
});
