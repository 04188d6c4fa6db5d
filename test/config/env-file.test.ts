import { describe, expect, test } from 'vitest';
import { expanded, parseEnvFile } from '../../src/config/env-file.ts';

const values = (text: string): Record<string, string> =>
  Object.fromEntries(parseEnvFile(text).entries.map(({ name, value }) => [name, value]));

describe('a file of variables', () => {
  test.each([
    ['a plain value', 'A=b', 'b'],
    ['spaces around', '  A = b  ', 'b'],
    ['export', 'export A=b', 'b'],
    ['an empty value', 'A=', ''],
    ['a comment behind a value', 'A=b # why', 'b'],
    ['a # inside a value', 'A=b#c', 'b#c'],
    ['a value that is a comment', 'A= # why', ''],
    ['single quotes', "A='b # c'", 'b # c'],
    ['double quotes', 'A="b # c" # d', 'b # c'],
    ['backticks', 'A=`it\'s "b"`', 'it\'s "b"'],
    ['an escaped newline', String.raw`A="b\nc"`, 'b\nc'],
    ['an escaped quote', String.raw`A="b\"c"`, 'b"c'],
    ['an escaped backslash before n', String.raw`A="b\\nc"`, String.raw`b\nc`],
    ['no escapes in single quotes', String.raw`A='b\nc'`, String.raw`b\nc`],
    ['several lines', 'A="b\nc\nd"\nB=e', 'b\nc\nd'],
    ['a key in several lines', 'A="-----BEGIN-----\nabc==\n-----END-----"', '-----BEGIN-----\nabc==\n-----END-----'],
    ['a quote that never ends', 'A="b\nB=c', '"b'],
    ['carriage returns', 'A=b\r\nB=c', 'b'],
    ['equal signs', 'A=b=c==', 'b=c=='],
    ['what a shell would run', 'A=$(id) `id`', '$(id) `id`'],
    ['the last of two', 'A=x\nA=b', 'b'],
    ['a byte order mark', '\uFEFFA=b', 'b'],
    ['JSON', 'A={"b": "c"}', '{"b": "c"}'],
  ])('%s', (_name, text, value) => {
    expect(values(text)['A']).toBe(value);
  });

  test('goes on after several lines, and counts lines and keeps comments', () => {
    const { entries, unread } = parseEnvFile('# for mails\n# optional\nA="x\ny"\n\nB=1 # two\nwhat is this\n');
    expect(entries).toMatchObject([
      { name: 'A', line: 3, comment: 'for mails optional' },
      { name: 'B', line: 6, comment: 'two' },
    ]);
    expect(unread).toEqual([7]);
  });

  test('refers to other variables in braces only, never in single quotes, and never twice', () => {
    const entry = (text: string) => parseEnvFile(`A=${text}`).entries[0];
    const known = { USER: 'me', HARD: '${USER}' };
    const read = (text: string): string => {
      const found = entry(text);
      return found === undefined ? '' : expanded(found, known);
    };
    expect(read('db-${USER}')).toBe('db-me');
    expect(read('"db-${USER}"')).toBe('db-me');
    expect(read("'db-${USER}'")).toBe('db-${USER}');
    expect(read('pa$USER')).toBe('pa$USER');
    expect(read('${NOBODY}')).toBe('${NOBODY}');
    expect(read('${NOBODY:-else}')).toBe('else');
    expect(read('${HARD}')).toBe('${USER}');
    expect(read('${toString}')).toBe('${toString}');
  });
});
