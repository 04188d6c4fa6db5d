import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawn } from '../adapters/scanner/sample-secrets.ts';
import { onlyJson, runCli } from './run-cli.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scan-'));
  execFileSync('git', ['init', '-q', folder]);
  writeFileSync(join(folder, 'a.ts'), 'export const a = 1;\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing but git and node is on the path, so that no scanner of this machine joins in. */
const scan = (...words: readonly string[]): ReturnType<typeof runCli> =>
  runCli(['scan', folder, ...words], { home: folder, env: { PATH: '/usr/bin:/bin' } });

describe('signalbox scan', () => {
  it('fails for a secret, shows its place and not the secret', async () => {
    const secret = `ghp_${drawn(36)}`;
    writeFileSync(join(folder, 'b.ts'), `\nconst token = '${secret}';\n`);
    const ran = await scan();
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('critical  github-token  b.ts:2');
    expect(ran.out).toContain('The gate is not passed.');
    expect(ran.out + ran.err).not.toContain(secret.slice(4, 12));
  });

  it('says plainly what was not checked, and how to have it checked', async () => {
    const ran = await scan();
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toMatch(/^secrets +built-in secret scan +clean +1 file$/m);
    expect(ran.out).toMatch(/^dependencies +osv-scanner +not checked +osv-scanner is not installed\.$/m);
    expect(ran.out).toContain('osv-scanner: to have it checked: Install osv-scanner');
    expect(ran.out).toContain('Not checked: known holes in dependencies.');
  });

  it('takes in what other tools have found, and prints nothing but JSON with --json', async () => {
    const result = { ruleId: 'x', message: { text: 'bad' }, level: 'error', properties: { 'security-severity': '9.9' } };
    writeFileSync(
      join(folder, 'b.sarif'),
      JSON.stringify({ version: '2.1.0', runs: [{ tool: { driver: { name: 't' } }, results: [result] }] }),
    );
    const ran = await scan('--json', '--sarif', join(folder, 'b.sarif'));
    expect(ran.code).toBe(1);
    expect(onlyJson(ran)).toMatchObject({ gate: { verdict: 'fail', counts: { critical: 1 } } });
  });

  it('writes a bill of materials, and says what is missing in it', async () => {
    writeFileSync(join(folder, 'requirements.txt'), 'flask==3.0.0\nuvicorn>=0.30\n');
    const ran = await scan('--sbom', join(folder, 'bom.json'));
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain('bom.json: 1 components of requirements.txt.');
    expect(ran.out).toContain('not whole: requirements.txt: "uvicorn>=0.30" pins no version');
    expect(JSON.parse(readFileSync(join(folder, 'bom.json'), 'utf8'))).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      components: [{ purl: 'pkg:pypi/flask@3.0.0' }],
    });
  });

  it('refuses to write a bill without a lock file', async () => {
    const ran = await scan('--sbom', join(folder, 'bom.json'));
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('LOCK_MISSING');
  });

  it('refuses a folder that is not there', async () => {
    const ran = await runCli(['scan', join(folder, 'none')], { home: folder });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('NO_APP_HERE');
  });
});
