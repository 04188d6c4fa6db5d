import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSealing } from '../../src/keeper/sealing.ts';
import { openRecords } from '../../src/keeper/state.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sealing-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const key = (): string => join(root, 'keys', 'records.key');
const records = () => openRecords<{ env: Record<string, string> }>(join(root, 'records'), openSealing(key()));
const never = (file: string, cause: unknown): void => {
  throw new Error(file, { cause });
};

describe('a sealed record', () => {
  it('opens what was sealed under the same name, and what was never sealed', () => {
    const value = { env: { KEY: 'hunter2-hunter2' } };
    records().write('one', value);
    const [file = ''] = readdirSync(join(root, 'records'));
    expect(readFileSync(join(root, 'records', file), 'utf8')).not.toContain('hunter2');
    expect(statSync(key()).mode & 0o777).toBe(0o600);
    expect(records().all(never)).toEqual([value]);
    writeFileSync(join(root, 'records', 'older.json'), JSON.stringify({ env: {} }));
    expect(records().all(never)).toHaveLength(2);
  });

  it('of another name, and one that was changed, is told and left out', () => {
    records().write('one', { env: { KEY: 'value' } });
    const text = readFileSync(join(root, 'records', 'one.json'), 'utf8');
    writeFileSync(join(root, 'records', 'other.json'), text);
    writeFileSync(join(root, 'records', 'one.json'), text.replace(/.{8}$/, 'AAAAAAAA'));
    const broken: string[] = [];
    expect(records().all((file) => broken.push(file))).toEqual([]);
    expect(broken.length).toBe(2);
  });

  it('is made with one key, whoever comes first', () => {
    const [first, second] = [openSealing(key()), openSealing(key())];
    expect(second.open(first.seal('text', 'a'), 'a')).toBe('text');
  });
});
