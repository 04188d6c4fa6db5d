import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCobertura } from '../../../src/pipeline/reports/cobertura.ts';
import { readLcov } from '../../../src/pipeline/reports/lcov.ts';
import { readReportFile } from '../../../src/pipeline/reports/read-report.ts';

const lcov = (...lines: readonly string[]): ReturnType<typeof readLcov> => readLcov(Buffer.from(`${lines.join('\n')}\n`));
const cobertura = (text: string): ReturnType<typeof readCobertura> => readCobertura(Buffer.from(text));

describe('an LCOV tracefile', () => {
  it.each([
    ['cut off', ['SF:a.js', 'DA:1,1'], 2],
    ['without a file', ['DA:1,1'], 1],
    ['with a count that is none', ['SF:a.js', 'DA:1,many'], 2],
    ['with a record in a record', ['SF:a.js', 'SF:b.js'], 2],
    ['with more hit than found', ['SF:a.js', 'LF:2', 'LH:3', 'end_of_record'], 4],
    ['of another kind', ['<coverage/>'], 1],
  ])('%s is refused with the line', async (_name, lines, line) => {
    await expect(lcov(...lines)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE', details: { line } });
  });

  it('without a record is refused', async () => {
    await expect(lcov('TN:')).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
  });

  it('counts a line once, however many records tell of it', async () => {
    const record = (hits: number): string[] => [
      'SF:a.js',
      `DA:1,${hits}`,
      'DA:2,0',
      'LF:200',
      'LH:200',
      'BRDA:1,0,0,-',
      'BRDA:1,0,1,2',
      'end_of_record',
    ];
    expect(await lcov(...record(0), ...record(3), 'SF:b.js', 'DA:1,1,checksum', 'end_of_record')).toEqual({
      lines: { covered: 2, total: 3 },
      branches: { covered: 1, total: 2 },
      files: [
        { file: 'a.js', lines: { covered: 1, total: 2 }, branches: { covered: 1, total: 2 } },
        { file: 'b.js', lines: { covered: 1, total: 1 } },
      ],
      filesLeftOut: 0,
    });
  });

  it('takes totals where a record lists no line', async () => {
    expect((await lcov('SF:a.js', 'LF:10', 'LH:4', 'end_of_record')).lines).toEqual({ covered: 4, total: 10 });
  });

  it('of node:test, as this version writes it', async () => {
    const coverage = await readLcov(readFileSync(new URL('../../fixtures/reports/node.lcov', import.meta.url)));
    const math = coverage.files.find(({ file }) => file.endsWith('math.js'));
    expect(math?.lines).toEqual({ covered: 6, total: 8 });
  });
});

describe('a Cobertura report', () => {
  const lines = '<line number="1" hits="4" branch="true" condition-coverage="50% (1/2)"/><line number="2" hits="0"/>';

  it('counts a line once, also below its method, and reads no DTD', async () => {
    const text = `<?xml version="1.0" ?>\n<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
      <coverage line-rate="0.99" lines-covered="99" lines-valid="100" version="7"><sources><source>/app</source></sources><packages><package name="p"><classes>
      <class name="a" filename="a.py"><methods><method name="m"><lines>${lines}</lines></method></methods><lines>${lines}</lines></class>
      <class name="a.Inner" filename="a.py"><methods/><lines><line number="2" hits="1"/></lines></class>
      </classes></package></packages></coverage>`;
    expect(await cobertura(text)).toMatchObject({ lines: { covered: 2, total: 2 }, branches: { covered: 1, total: 2 } });
  });

  it('is taken at its totals when it lists no line, and refused with rates alone', async () => {
    expect((await cobertura('<coverage lines-covered="3" lines-valid="4"/>')).lines).toEqual({ covered: 3, total: 4 });
    await expect(cobertura('<coverage line-rate="0.8"/>')).rejects.toThrow('neither lines nor the totals');
    await expect(cobertura('<coverage lines-covered="5" lines-valid="4"/>')).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
  });

  it.each([
    ['<report/>', 'its root is <report>'],
    ['<coverage><class filename="a"><line number="x" hits="1"/></class></coverage>', 'a line needs its number'],
    ['<coverage><line number="1" hits="1"/></coverage>', 'outside a class'],
  ])('%s is refused', async (text, says) => {
    await expect(cobertura(text)).rejects.toThrow(says);
  });
});

describe('the file of a report', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'report-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is not waited for when it is a pipe, and not followed when it is a link', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await expect(readReportFile('tap', join(folder, 'pipe'))).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
    writeFileSync(join(folder, 'outside'), '1..1\nok 1\n');
    symlinkSync(join(folder, 'outside'), join(folder, 'link'));
    await expect(readReportFile('tap', join(folder, 'link'))).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
    await expect(readReportFile('tap', join(folder, 'none'))).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
  });

  it('is refused by its size before a byte of it is held', async () => {
    writeFileSync(join(folder, 'huge'), '');
    truncateSync(join(folder, 'huge'), 8 * 1024 ** 4);
    await expect(readReportFile('junit', join(folder, 'huge'))).rejects.toMatchObject({ code: 'REPORT_TOO_LARGE' });
  });

  it('is read by its form', async () => {
    writeFileSync(join(folder, 'a.tap'), '1..1\nok 1\n');
    expect(await readReportFile('tap', join(folder, 'a.tap'))).toMatchObject({ kind: 'tests', tests: { passed: 1 } });
  });
});
