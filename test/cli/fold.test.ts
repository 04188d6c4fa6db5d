import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fold } from '../../src/cli/fold.ts';

describe('a line that a terminal is too narrow for', () => {
  it('is broken between words, and goes on below its text', () => {
    expect(fold('note: tasks.localhost/api goes to api; anything web serves below it is not reachable', 40)).toBe(
      'note: tasks.localhost/api goes to api;\n      anything web serves below it is\n      not reachable',
    );
    expect(fold('  10. start api x1, healthy within 60 seconds', 30)).toBe(
      '  10. start api x1, healthy\n      within 60 seconds',
    );
    expect(fold('✓ memory    21812 MiB free of 24106 MiB, and more', 40)).toBe(
      '✓ memory    21812 MiB free of 24106 MiB,\n            and more',
    );
    expect(fold('  web  /        vite  (the dev script of package.json)', 40)).toBe(
      '  web  /        vite  (the dev script of\n                package.json)',
    );
    expect(fold('✗ v2 failed before it had any traffic', 20)).toBe('✗ v2 failed before\n  it had any traffic');
  });

  it('is left as it is where others said it, where it fits, and within a word', () => {
    const said = '    | a line of an app that is longer than the terminal';
    const tagged = 'api    │ another line that is too long by far';
    for (const line of [said, tagged, 'short', '']) expect(fold(line, 30)).toBe(line);
    const path = `/var/${'x'.repeat(60)}`;
    expect(fold(`log ${path} is there`, 30)).toBe(`log\n${path}\nis there`);
  });

  it('is as wide as what is seen of it: colours take no room', () => {
    const green = (text: string): string => `\u001b[32m${text}\u001b[39m`;
    const line = `${green('✓')} ${green('twelve chars')} and more`;
    expect(fold(line, 24)).toBe(line);
    expect(stripVTControlCharacters(fold(line, 20))).toBe('✓ twelve chars and\n  more');
  });
});
