import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isGreen } from '../../../src/domain/test-report.ts';
import { readTap } from '../../../src/pipeline/reports/tap.ts';

const read = (...lines: readonly string[]): ReturnType<typeof readTap> => readTap(Buffer.from(`${lines.join('\n')}\n`));

describe('a TAP report is not green when', () => {
  it('it was cut off before its plan', async () => {
    const report = await read('TAP version 13', 'ok 1 - a');
    expect(report).toMatchObject({ passed: 1, errors: 1 });
    expect(report.failures[0]?.message).toContain('may have been cut off');
  });

  it.each([
    ['fewer', ['1..3', 'ok 1', 'ok 2'], 'The plan says 3 tests, the report has 2'],
    ['more', ['1..1', 'ok 1', 'ok 2'], 'The plan says 1 tests, the report has 2'],
  ])('it has %s tests than planned', async (_name, lines, says) => {
    const report = await read(...lines);
    expect(report.errors).toBe(1);
    expect(report.failures[0]?.message).toContain(says);
  });

  it('it bails out, and that is one error', async () => {
    const report = await read('1..5', 'ok 1 - a', 'Bail out! database is gone');
    expect(report).toMatchObject({ passed: 1, errors: 1, failures: [{ name: 'Bail out!', message: 'database is gone' }] });
  });

  it('a subtest did not keep its plan', async () => {
    const report = await read('TAP version 14', '    ok 1 - a', '    1..2', 'ok 1 - suite', '1..1');
    expect(report.errors).toBe(1);
    expect(isGreen(report)).toBe(false);
  });

  it('a subtest fails although its suite says ok', async () => {
    const report = await read('# Subtest: s', '    not ok 1 - a', '    1..1', 'ok 1 - s', '1..1');
    expect(report).toMatchObject({ failed: 1, passed: 0 });
  });

  it('a suite fails although its subtests passed', async () => {
    const report = await read('    ok 1 - a', '    1..1', 'not ok 1 - s', '1..1');
    expect(report).toMatchObject({ failed: 1, passed: 1 });
  });

  it('it ends within a subtest', async () => {
    expect((await read('TAP version 14', '1..1', '    ok 1 - a')).errors).toBeGreaterThan(0);
    await expect(read('1..1', 'ok 1 - s {', '    ok 1 - a')).rejects.toThrow('within a subtest');
  });
});

describe('a TAP report that cannot be read', () => {
  it('names the line of a block of details that does not end', async () => {
    await expect(read('1..1', 'not ok 1', '  ---', '  message: x')).rejects.toMatchObject({
      code: 'REPORT_UNREADABLE',
      details: { line: 3 },
    });
  });

  it('is refused when nothing in it is TAP', async () => {
    await expect(read('npm ERR! missing script: test')).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
    await expect(readTap(Buffer.alloc(0))).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
  });

  it('is refused when it nests without end', async () => {
    await expect(read(`${'    '.repeat(101)}ok 1`)).rejects.toThrow('nested more than 100 deep');
  });

  it('of one endless line costs no more than the line', async () => {
    const report = await read('1..1', `not ok 1 - ${'x'.repeat(1_000_000)}`);
    expect(report.failures[0]?.name.length).toBe(300);
  });
});

describe('the lines of TAP', () => {
  it('skip and todo are neither passed nor failed, and only as directives', async () => {
    const report = await read(
      '1..6',
      'ok 1 - a # SKIP no database',
      'not ok 2 - b # TODO not yet',
      'ok 3 - c # Skipped: later',
      'not ok 4 - d \\# SKIP is escaped',
      'not ok 5 - e # TODOlist is broken',
      'ok 6 # todo',
    );
    expect(report).toMatchObject({ skipped: 4, failed: 2, passed: 0 });
    expect(report.failures.map(({ name }) => name)).toEqual(['d # SKIP is escaped', 'e # TODOlist is broken']);
  });

  it('a plan of nothing may skip all', async () => {
    expect(await read('1..0 # SKIP no engine')).toMatchObject({ skipped: 1, errors: 0 });
  });

  it('what programs print between them is passed over', async () => {
    expect(await read('TAP version 14', 'listening on 3000', 'ok 1 - a', 'pragma +strict', '', '1..1')).toMatchObject({
      passed: 1,
      errors: 0,
    });
  });

  it('subtests in braces belong to the point before them', async () => {
    const report = await read('ok 1 - s # time=12.5ms', '1..1');
    expect(report).toMatchObject({ passed: 1 });
    expect(
      await read('ok 1 - s # time=20ms {', '    ok 1 - a # time=12.5ms', '    not ok 2 - b', '    1..2', '}', '1..1'),
    ).toMatchObject({
      passed: 1,
      failed: 1,
      errors: 0,
    });
  });

  it('Windows line ends do not matter', async () => {
    expect(
      await readTap(Buffer.from('TAP version 13\r\nok 1 - a\r\n  ---\r\n  duration_ms: 7\r\n  ...\r\n1..1\r\n')),
    ).toMatchObject({
      passed: 1,
      durationMs: 7,
      errors: 0,
    });
  });

  it('node:test, as this version writes it', async () => {
    const report = await readTap(readFileSync(new URL('../../fixtures/reports/node.tap', import.meta.url)));
    expect(report).toMatchObject({ passed: 3, failed: 1, skipped: 2, errors: 0 });
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]).toMatchObject({ name: 'divides' });
    expect(report.failures[0]?.message).toContain('2 !== 3');
    expect(report.failures[0]?.file).toContain('math.test.js');
    expect(report.slowest[0]?.name).toBe('waits');
    expect(report.durationMs).toBeGreaterThan(20);
  });
});
