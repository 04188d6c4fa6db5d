import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { folderReader } from '../../src/config/folder-reader.ts';
import { loadAppSpec } from '../../src/config/load.ts';
import { endStarted, makeFolder, onlyJson, removeFolders, runCli } from './run-cli.ts';

afterEach(endStarted);
afterAll(removeFolders);

const page = { 'index.html': '<!doctype html><title>Hello</title>' };

describe('init', () => {
  it('writes a file that says what a deploy without one assumes, and why', async () => {
    const folder = await makeFolder(page);
    const before = await loadAppSpec(folderReader(folder));
    const { code, out } = await runCli(['init'], { home: folder });
    expect(code).toBe(0);
    expect(out).toContain('index.html');
    expect(out).toContain(`Wrote ${join(folder, 'signalbox.yaml')}`);
    const after = await loadAppSpec(folderReader(folder));
    expect([after.origin, after.spec]).toEqual(['file', before.spec]);
  });

  it('does not overwrite a file, unless it is told to', async () => {
    const folder = await makeFolder({ ...page, 'signalbox.yaml': 'app: mine\n' });
    const refused = await runCli(['init', folder, '--json'], { home: folder });
    expect(refused.code).toBe(1);
    expect(onlyJson(refused)).toMatchObject({ error: { code: 'FILE_EXISTS' } });
    expect(await readFile(join(folder, 'signalbox.yaml'), 'utf8')).toBe('app: mine\n');
    const forced = await runCli(['init', folder, '--force', '--json'], { home: folder });
    expect(onlyJson(forced)).toMatchObject({ file: join(folder, 'signalbox.yaml') });
    expect(await readFile(join(folder, 'signalbox.yaml'), 'utf8')).toContain('services:');
  });

  it('never writes a second file beside signalbox.yml', async () => {
    const folder = await makeFolder(page);
    await writeFile(join(folder, 'signalbox.yml'), 'app: mine\n');
    expect((await runCli(['init', '--force'], { home: folder })).err).toContain('FILE_EXISTS');
  });

  it('says so where it recognises nothing, and leaves nothing behind', async () => {
    const folder = await makeFolder({ 'notes.md': 'Nothing to run.' });
    const ran = await runCli(['init', '--json'], { home: folder });
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({ error: { code: 'NOTHING_DETECTED' } });
    expect(await readFile(join(folder, 'signalbox.yaml'), 'utf8').catch(() => null)).toBeNull();
  });
});
