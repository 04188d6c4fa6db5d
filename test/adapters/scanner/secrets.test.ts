import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anchors, rules } from '../../../src/adapters/scanner/secrets/rules.ts';
import { secretScanner } from '../../../src/adapters/scanner/secrets/scanner.ts';
import { searchText } from '../../../src/adapters/scanner/secrets/search.ts';
import { toolRunner } from '../../../src/adapters/tool/process/run-tool.ts';
import type { ScanVerdict } from '../../../src/domain/scan.ts';
import { drawn, samples } from './sample-secrets.ts';

let folder: string;
const write = (path: string, text: string | Buffer): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (...args: readonly string[]): void => void execFileSync('git', args, { cwd: folder, stdio: 'ignore' });
const scanner = secretScanner(toolRunner({ PATH: process.env['PATH'] ?? '' }));
const scan = (signal = new AbortController().signal): Promise<ScanVerdict> => scanner.scan({ folder }, signal);
const idsOf = (verdict: ScanVerdict): readonly string[] =>
  verdict.verdict === 'findings' ? verdict.findings.map(({ id }) => id) : [];
const idsIn = (text: string, file = 'src/a.ts'): readonly string[] => searchText(text, file).map(({ id }) => id);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  git('init', '-q');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the secret scan is never clean when', () => {
  it('it was stopped before its end', async () => {
    write('a.txt', 'nothing');
    expect(await scan(AbortSignal.abort())).toMatchObject({ verdict: 'not-checked' });
  });

  it('there is nothing to look at, or no folder', async () => {
    expect(await scan()).toMatchObject({ verdict: 'not-checked', why: 'There is no file with text.' });
    rmSync(folder, { recursive: true });
    expect(await scan()).toMatchObject({ verdict: 'not-checked' });
  });

  it('a file could not be read', async () => {
    write('a.txt', 'nothing');
    // As root every file can be read; a name that no system takes cannot.
    const name = 'n'.repeat(5000);
    const listing = secretScanner(() => Promise.resolve({ end: 'ended', code: 0, stdout: `a.txt\0${name}\0`, stderr: '' }));
    const verdict = await listing.scan({ folder }, new AbortController().signal);
    expect(verdict).toMatchObject({ verdict: 'not-checked', why: `1 file could not be read: ${name}.` });
  });

  it('its baseline is broken', async () => {
    write('a.txt', 'nothing');
    write('signalbox-secrets-baseline.json', '{ "version": 1, "allowed": ["*"] }');
    expect(await scan()).toMatchObject({ verdict: 'not-checked' });
  });
});

describe('the secret scan finds', () => {
  it.each(Object.entries(samples))('%s', (id, text) => {
    expect(idsIn(`first\n${text}\nlast`)[0]).toBe(id);
  });

  it('every form after one quick look at the file', () => {
    expect(Object.keys(samples).sort()).toEqual(rules.map(({ id }) => id).sort());
    for (const text of Object.values(samples)) expect(anchors.test(text)).toBe(true);
  });

  it('passwords in addresses', () => {
    expect(idsIn(`const db = 'postgres://app:${drawn(9)}@db.acme.dev:5432/app';`)).toEqual(['connection-password']);
    expect(idsIn(`REDIS_URL=rediss://:${drawn(12)}@cache.acme.dev:6380`, 'deploy/.env')).toEqual(['connection-password']);
  });

  it('generated values of names that tell', () => {
    expect(idsIn(`const apiKey = "${drawn(32)}";`)).toEqual(['high-entropy-value']);
    expect(idsIn(`  client_secret: ${drawn(40)}`, 'config.yaml')).toEqual(['high-entropy-value']);
    expect(idsIn(`"password": "${drawn(20)}"`, 'a.json')).toEqual(['high-entropy-value']);
  });

  it('what signs tokens in a file of variables, however it looks', () => {
    expect(idsIn('JWT_SECRET=our-little-app-key\n', 'backend/.env')).toEqual(['signing-secret']);
    expect(idsIn('JWT_SECRET=our-little-app-key\n', 'backend/.env.example')).toEqual([]);
  });

  it('keys that stand in JSON with escaped line ends', () => {
    expect(idsIn(JSON.stringify({ key: samples['private-key'] }), 'account.json')).toContain('private-key');
  });
});

describe('the secret scan says nothing of', () => {
  it.each([
    ['a placeholder', "const apiKey = 'your-api-key-goes-here-1234';"],
    ['a reference', 'PASSWORD="${DB_PASSWORD:-aB3dE5fG7hJ9kL2m}"'],
    ['an example of AWS', 'AKIAIOSFODNN7EXAMPLE'],
    ['an address of a text', "'https://user:pass@github.com/acme/portfolio.git'"],
    ['words in the place of a token', '//npm.acme.dev/:_authToken=not-for-the-image'],
    ['a header of a key without a key', "if (text.includes('-----BEGIN RSA PRIVATE KEY-----')) return 'a key is no text';"],
    ['an address of this machine', "const url = 'postgres://postgres:postgres@localhost:5432/app';"],
    ['an address of a Compose service', 'DATABASE_URL: postgres://app:app-dev@db:5432/app'],
    ['an address with variables', '`postgres://${user}:${password}@db.acme.dev/app`'],
    ['an address of an example', 'https://user:hunter22@example.com/'],
    ['names of things', "const tokenName = 'next-auth.session-token'; const secretKeyRef = 'database-credentials-v2';"],
    ['code', 'const passwordHash = await scrypt(password, salt16Bytes, keyLength64);'],
    ['a path', 'tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token'],
    ['a hash of a lock file', '"integrity": "sha512-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789=="'],
  ])('%s', (_name, text) => {
    expect(idsIn(text, 'compose.yaml')).toEqual([]);
    expect(idsIn(text)).toEqual([]);
  });

  it('lines that were allowed on them or above them, and of no others', () => {
    const line = `const token = 'ghp_${drawn(36)}';`;
    expect(idsIn(`${line} // signalbox:allow-secret`)).toEqual([]);
    expect(idsIn(`// signalbox:allow-secret: revoked\n${line}`)).toEqual([]);
    expect(idsIn(`// signalbox:allow-secret\n\n${line}`)).toEqual(['github-token']);
    expect(idsIn(`${line}\n// signalbox:allow-secret`)).toEqual(['github-token']);
  });
});

describe('the secret scan of a repository', () => {
  it('says place, kind and fix, and never shows the secret', async () => {
    const secret = `ghp_${drawn(36)}`;
    write('src/deep/a.ts', `\n\nconst token = '${secret}';\n`);
    const verdict = await scan();
    expect(verdict).toMatchObject({
      verdict: 'findings',
      counts: { critical: 1 },
      findings: [{ id: 'github-token', severity: 'critical', where: { file: 'src/deep/a.ts', line: 3 } }],
    });
    const all = JSON.stringify(verdict);
    expect(all).toContain('ghp_… (40 characters)');
    for (let at = 4; at + 6 <= secret.length; at += 1) expect(all).not.toContain(secret.slice(at, at + 6));
  });

  it('looks at what is committed or could be, and not at what git ignores', async () => {
    write('.gitignore', '.env\n/build\n');
    write('.env', `A=ghp_${drawn(36)}`);
    write('build/a.js', `A=ghp_${drawn(36)}`);
    write('fine.txt', 'nothing');
    expect(await scan()).toMatchObject({ verdict: 'clean', looked: '2 files' });
    git('add', '-f', '.env');
    expect(idsOf(await scan())).toEqual(['github-token']);
  });

  it('follows no link out of it, and passes over what is no text', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'key'), samples['private-key'] ?? '');
    symlinkSync(join(outside, 'key'), join(folder, 'link'));
    write('image.png', Buffer.concat([Buffer.from([0x89, 0, 1, 2]), Buffer.from(`ghp_${drawn(36)}`)]));
    write('fine.txt', 'nothing');
    expect(await scan()).toMatchObject({ verdict: 'clean', looked: '1 file' });
    rmSync(outside, { recursive: true });
  });

  it('finds it on the border of the parts in which a large file is read, once and with its line', async () => {
    const line = `${'x'.repeat(99)}\n`;
    const before = line.repeat(Math.floor((4 * 1024 * 1024) / 100) - 1);
    // The first part ends 24 characters into the token.
    write('large.log', `${before}${'x'.repeat(80)} ghp_${drawn(36)}\n${line.repeat(50_000)}`);
    expect(await scan()).toMatchObject({
      verdict: 'findings',
      counts: { critical: 1 },
      findings: [{ where: { file: 'large.log', line: before.length / 100 + 1 } }],
    });
  });

  it('leaves out what its baseline knows, and says so', async () => {
    write('a.ts', `const a = 'ghp_${drawn(36)}';\n`);
    const verdict = await scan();
    const fingerprint = /fingerprint (\w{16})/.exec(JSON.stringify(verdict))?.[1] ?? '';
    write(
      'signalbox-secrets-baseline.json',
      JSON.stringify({ version: 1, allowed: [{ fingerprint, file: 'a.ts', why: 'revoked' }] }),
    );
    expect(await scan()).toMatchObject({ verdict: 'clean', notes: ['1 known from the baseline were left out.'] });
    write('a.ts', `const a = 'ghp_${drawn(36, undefined, 11)}';\n`);
    expect(idsOf(await scan())).toEqual(['github-token']);
  });

  it('is read with strange names of files', async () => {
    write('ä b\n"c".ts', `const a = 'ghp_${drawn(36)}';\n`);
    expect(await scan()).toMatchObject({ findings: [{ where: { file: 'ä b\n"c".ts' } }] });
  });

  it('of ten thousand files takes at most five seconds', async () => {
    const text = Array.from(
      { length: 150 },
      (_, index) => `export const value${index} = { token: options.token, name: 'row-${index}' };`,
    ).join('\n');
    for (let index = 0; index < 10_000; index += 1) write(`src/${index % 100}/file-${index}.ts`, text);
    const from = performance.now();
    const verdict = await scan();
    expect(verdict).toMatchObject({ verdict: 'clean', looked: '10000 files' });
    // Twice the promise: the machine is shared.
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it('is not held up by files made to hold it up', async () => {
    write('a.ts', `token: ${'a'.repeat(500_000)}\n${'secret='.repeat(100_000)}\n${'postgres://a:'.repeat(50_000)}`);
    write('b.ts', `${'-----BEGIN PRIVATE KEY-----\n'.repeat(20_000)}${'sk-'.repeat(200_000)}${'a.b.c-'.repeat(100_000)}`);
    const from = performance.now();
    await scan();
    expect(performance.now() - from).toBeLessThan(15_000);
  });
});
