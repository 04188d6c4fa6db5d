import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSarif, sarifFile } from '../../../src/adapters/scanner/command/sarif.ts';

const result = {
  ruleId: 'js/xss',
  level: 'error',
  message: { text: 'Output is not escaped' },
  locations: [{ physicalLocation: { artifactLocation: { uri: 'src/a.js' }, region: { startLine: 7 } } }],
};
const log = (results: unknown, more: object = {}): unknown => ({
  version: '2.1.0',
  runs: [
    {
      tool: {
        driver: {
          name: 'CodeQL',
          rules: [{ id: 'js/xss', properties: { 'security-severity': '9.1' }, help: { text: 'Escape it.' } }],
        },
      },
      results,
      ...more,
    },
  ],
});

describe('a SARIF file is not clean when', () => {
  it.each([
    ['it has no run', { version: '2.1.0', runs: [] }],
    ['a run came to no results', log(undefined)],
    ['a run failed', log([], { invocations: [{ executionSuccessful: false, exitCodeDescription: 'out of memory' }] })],
  ])('%s', (_name, output) => {
    expect(readSarif(output)).toMatchObject({ verdict: 'not-checked' });
  });

  it.each([null, [], {}, { version: '2.0.0', runs: [] }, { version: '2.1.0' }, 'text'])('it is of another form: %j', (output) => {
    expect(readSarif(output)).toBeUndefined();
  });

  it('it is missing, a folder, or no JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sarif-'));
    writeFileSync(join(folder, 'a.sarif'), '{"version":"2.1.0","runs":[{"results":[');
    const scan = (file: string) => sarifFile(join(folder, file)).scan({ folder }, new AbortController().signal);
    expect((await scan('a.sarif')).verdict).toBe('not-checked');
    expect((await scan('none')).verdict).toBe('not-checked');
    expect((await scan('.')).verdict).toBe('not-checked');
    rmSync(folder, { recursive: true });
  });
});

describe('a SARIF file', () => {
  it('without findings of a run that succeeded is clean', () => {
    expect(readSarif(log([], { invocations: [{ executionSuccessful: true }] }))).toMatchObject({ verdict: 'clean' });
  });

  it('has findings with place, fix, and the severity by its score', () => {
    expect(readSarif(log([result]))).toMatchObject({
      verdict: 'findings',
      counts: { critical: 1 },
      findings: [{ id: 'js/xss', title: 'Output is not escaped', where: { file: 'src/a.js', line: 7 }, fix: 'Escape it.' }],
    });
  });

  it.each([
    ['error', 'high'],
    ['warning', 'medium'],
    ['note', 'low'],
    [undefined, 'medium'],
  ])('a level of %s is %s', (level, severity) => {
    expect(readSarif(log([{ ...result, ruleId: 'other', level }]))).toMatchObject({ findings: [{ severity }] });
  });

  it('leaves out what passed, is gone or was accepted, and tells what nobody accepted', () => {
    const quiet = [
      { suppressions: [{ kind: 'inSource' }] },
      { suppressions: [{ kind: 'external', status: 'accepted' }] },
      { kind: 'pass' },
      { kind: 'notApplicable' },
      { baselineState: 'absent' },
    ];
    expect(readSarif(log(quiet.map((one) => ({ ...result, ...one }))))).toMatchObject({ verdict: 'clean' });
    expect(readSarif(log([{ ...result, suppressions: [{ kind: 'external', status: 'rejected' }] }]))).toMatchObject({
      verdict: 'findings',
    });
  });
});
