import { describe, expect, it } from 'vitest';
import {
  type Finding,
  maxFindings,
  notChecked,
  type ScanVerdict,
  severityOfScore,
  severityOfWord,
  verdictOfFindings,
} from '../../src/domain/scan.ts';
import { judgeScans, type ScanRow } from '../../src/domain/scan-gate.ts';

const finding = (severity: Finding['severity'], line = 1): Finding => ({
  id: 'rule',
  severity,
  title: 'A hole',
  where: { file: 'a', line },
});
const row = (verdict: ScanVerdict, kind: ScanRow['kind'] = 'dependencies', scanner = 'one'): ScanRow => ({
  scanner,
  kind,
  verdict,
});
const clean = verdictOfFindings([], '3 files');
const unknown = notChecked('It is not installed.', 'Install it.');

describe('the gate of scans', () => {
  it('lets nothing critical through, and the rest', () => {
    expect(judgeScans([row(verdictOfFindings([finding('critical')], 'x'))])).toMatchObject({
      verdict: 'fail',
      says: ['1 of severity critical, and at most 0 may be let through.'],
    });
    expect(judgeScans([row(verdictOfFindings([finding('high'), finding('unknown', 2)], 'x'))])).toMatchObject({
      verdict: 'pass',
      counts: { high: 1, unknown: 1 },
    });
  });

  it('says what nobody has checked, and fails for it where it is required', () => {
    expect(judgeScans([row(unknown)])).toMatchObject({
      verdict: 'pass',
      notChecked: ['dependencies'],
      says: ['Not checked: known holes in dependencies.'],
    });
    expect(judgeScans([row(unknown)], { required: ['dependencies'] })).toMatchObject({ verdict: 'fail' });
    expect(judgeScans([], { required: ['image'] })).toMatchObject({
      verdict: 'fail',
      says: ['Nothing has checked the image, and that is required.'],
    });
    expect(judgeScans([row(unknown), row(clean, 'dependencies', 'two')], { required: ['dependencies'] })).toMatchObject({
      verdict: 'pass',
      notChecked: [],
    });
  });

  it('counts the same hole at the same place once, and another place again', () => {
    const both = [
      row(verdictOfFindings([finding('high')], 'x')),
      row(verdictOfFindings([finding('high'), finding('high', 2)], 'x'), 'dependencies', 'two'),
    ];
    expect(judgeScans(both, { most: { high: 2 } })).toMatchObject({ verdict: 'pass', counts: { high: 2 } });
    expect(judgeScans(both, { most: { high: 1 } })).toMatchObject({ verdict: 'fail' });
  });

  it('counts also the findings that are not listed', () => {
    const many = Array.from({ length: maxFindings + 7 }, (_, index) => finding('critical', index));
    const verdict = verdictOfFindings(many, 'x');
    expect(verdict).toMatchObject({ counts: { critical: maxFindings + 7 } });
    expect(judgeScans([row(verdict)]).counts.critical).toBe(maxFindings + 7);
  });
});

describe('findings', () => {
  it('stand with the worst first', () => {
    const verdict = verdictOfFindings([finding('unknown'), finding('low'), finding('critical'), finding('high')], 'x');
    expect(verdict).toMatchObject({
      findings: [{ severity: 'critical' }, { severity: 'high' }, { severity: 'low' }, { severity: 'unknown' }],
    });
  });

  it('have the severity of their score or word, and unknown for anything else', () => {
    expect([9, 7, 4, 0.1, 0, 11, Number.NaN].map(severityOfScore)).toEqual([
      'critical',
      'high',
      'medium',
      'low',
      'info',
      'unknown',
      'unknown',
    ]);
    expect(['CRITICAL', 'Moderate', 'ERROR', 'whatever', 7].map(severityOfWord)).toEqual([
      'critical',
      'medium',
      'high',
      'unknown',
      'unknown',
    ]);
  });
});
