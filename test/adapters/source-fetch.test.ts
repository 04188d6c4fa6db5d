import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GitSourceOptions, gitSource } from '../../src/adapters/source/git/git-source.ts';
import { prepareSource } from '../../src/cli/send-source.ts';
import type { AppName } from '../../src/domain/values.ts';
import type { FetchRequest } from '../../src/ports/fetch-source.ts';
import { type FakeForge, type ForgeRules, startForge } from './forge/fake-forge.ts';
import { type TestRepository, testEnvironment, testFolder, testRepository } from './source-git-repository.ts';

const app = 'shop' as AppName;
const token = 'ghp_0123456789secret';
let place: ReturnType<typeof testFolder>;
let repository: TestRepository;
let forge: FakeForge;
let folder: string;

beforeEach(() => {
  place = testFolder();
  repository = testRepository(place.path);
  folder = join(place.path, 'forge');
  mkdirSync(join(folder, 'acme'), { recursive: true });
});
afterEach(async () => {
  await forge?.close();
  place.end();
});

const open = async (rules: Partial<ForgeRules> = {}, options: Partial<GitSourceOptions> = {}) => {
  forge = await startForge({ folder, ...rules });
  repository.git('init', '--quiet', '--bare', join(folder, 'acme', 'shop.git'));
  return gitSource({
    folder: join(place.path, 'sources'),
    searchPath: testEnvironment()['PATH'] ?? '',
    ...options,
    fetching: { plainHttp: true, ...options.fetching },
  });
};
const push = (...refs: string[]): void =>
  void repository.git('push', '--quiet', '--force', join(folder, 'acme', 'shop.git'), ...refs);
const wanted = (sha: string, changes: Partial<FetchRequest> = {}): FetchRequest => ({
  url: `${forge.url}/acme/shop.git`,
  ref: 'refs/heads/main',
  sha,
  access: {},
  ...changes,
});
const gitOf = (...words: string[]): string =>
  execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', join(place.path, 'sources', 'shop.git'), ...words], {
    encoding: 'utf8',
  });

describe('source that is fetched', () => {
  test('is the commit that was pushed, with a token that only git is given, and fsck finds nothing', async () => {
    const source = await open({ token });
    const sha = repository.commit({ 'a.txt': 'one' }, 'First words');
    push('main');
    const access = { token: { user: 'x-access-token', secret: token } };
    expect(await source.fetch(app, wanted(sha, { access }))).toEqual({
      found: 'expected',
      version: { sha, subject: 'First words', author: 'Ada' },
    });
    expect(await source.readFile(app, sha, 'a.txt')).toBe('one');
    expect(forge.fetches.map(({ path }) => path).join(' ')).not.toContain(token);
    expect(gitOf('fsck', '--full', '--strict')).toBe('');
    expect(gitOf('for-each-ref', '--format=%(refname)').trim()).toBe(`refs/signalbox/kept/${sha}`);
    expect(readFileSync(join(place.path, 'sources', 'shop.git', 'config'), 'utf8')).not.toContain(token);
  });

  test('is fetched with no secret on any command line', async () => {
    const bin = join(place.path, 'bin');
    mkdirSync(bin);
    const real = execFileSync('which', ['git'], { encoding: 'utf8' }).trim();
    writeFileSync(join(bin, 'git'), `#!/bin/sh\nprintf '%s\\n' "$*" >> "$(dirname "$0")/called"\nexec ${real} "$@"\n`);
    chmodSync(join(bin, 'git'), 0o755);
    const source = await open({ token }, { searchPath: `${bin}:${testEnvironment()['PATH'] ?? ''}` });
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    const access = { token: { user: 'x-access-token', secret: token } };
    expect(await source.fetch(app, wanted(sha, { access }))).toMatchObject({ found: 'expected' });
    const called = readFileSync(join(bin, 'called'), 'utf8');
    expect(called).toContain(`${forge.url}/acme/shop.git`);
    expect(called).not.toContain(token);
  });

  test('is not the commit when the branch leads elsewhere, to nothing, or never had it', async () => {
    const source = await open();
    const first = repository.commit({ 'a.txt': 'one' });
    const second = repository.commit({ 'a.txt': 'two' });
    push('main');
    expect(await source.fetch(app, wanted(first))).toEqual({ found: 'other', head: second });
    expect(await source.fetch(app, wanted('f'.repeat(40)))).toEqual({ found: 'other', head: second });
    expect(await source.fetch(app, wanted(first, { ref: 'refs/heads/gone' }))).toEqual({ found: 'other', head: null });
    await expect(source.version(app, second)).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' });
    expect(await source.head(app, wanted(first))).toBe(second);
    expect(await source.head(app, wanted(first, { ref: 'refs/heads/gone' }))).toBeNull();
  });

  test('of a tag is the commit that it leads to, annotated or not', async () => {
    const source = await open();
    const sha = repository.commit({ 'a.txt': 'one' });
    repository.git('tag', 'plain');
    repository.git('tag', '-a', 'annotated', '-m', 'A release');
    push('main', '--tags');
    const annotated = repository.git('rev-parse', 'annotated');
    expect(await source.fetch(app, wanted(sha, { ref: 'refs/tags/plain' }))).toMatchObject({
      found: 'expected',
      version: { sha },
    });
    expect(await source.fetch(app, wanted(annotated, { ref: 'refs/tags/annotated' }))).toMatchObject({
      found: 'expected',
      version: { sha },
    });
  });

  test('of another repository does not get the name of an app', async () => {
    const source = await open();
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    await source.fetch(app, wanted(sha));
    const stranger = testRepository(place.path, 'stranger');
    const strange = stranger.commit({ 'b.txt': 'mine' }, 'Not yours');
    stranger.git('clone', '--quiet', '--bare', '.', join(folder, 'acme', 'other.git'));
    await expect(source.fetch(app, wanted(strange, { url: `${forge.url}/acme/other.git` }))).rejects.toMatchObject({
      code: 'APP_TAKEN',
    });
    expect(gitOf('for-each-ref', '--format=%(refname)').trim()).toBe(`refs/signalbox/kept/${sha}`);
  });

  test('is that of an app which a shallow clone of the same address was deployed to first', async () => {
    const source = await open();
    repository.commit({ 'a.txt': 'one' });
    repository.commit({ 'a.txt': 'two' });
    push('main');
    const shallow = join(place.path, 'shallow');
    repository.git('clone', '--quiet', '--depth', '1', `file://${join(folder, 'acme', 'shop.git')}`, shallow, '--branch', 'main');
    repository.git('-C', shallow, 'remote', 'set-url', 'origin', `${forge.url}/acme/shop`);
    const sent = await prepareSource({ folder: shallow, environment: testEnvironment(), dirty: false });
    await source.receive(app, { file: sent.bundle, ref: sent.ref });
    await sent.dispose();
    const sha = repository.commit({ 'a.txt': 'three' });
    push('main');
    expect(await source.fetch(app, wanted(sha))).toMatchObject({ found: 'expected' });
    expect(gitOf('rev-list', '--count', sha).trim()).toBe('3');
    expect(gitOf('fsck', '--full')).toBe('');
  });

  test('is refused with a reason that has no secret in it when the token is wrong', async () => {
    const source = await open({ token });
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    const access = { token: { user: 'x-access-token', secret: 'a-wrong-token' } };
    const error = await source.fetch(app, wanted(sha, { access })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'FORGE_REFUSED' });
    expect((error as Error).message).not.toContain('a-wrong-token');
    await expect(source.fetch(app, wanted(sha))).rejects.toMatchObject({ code: 'FORGE_REFUSED' });
  });

  test('is tried again later when nobody answers', async () => {
    const source = await open();
    const request = wanted('a'.repeat(40));
    await forge.close();
    await expect(source.fetch(app, request)).rejects.toMatchObject({ code: 'FORGE_UNREACHABLE' });
    forge = await startForge({ folder });
  });

  test('takes no longer than it may, and nothing of git stays behind', async () => {
    const source = await open({ before: () => true }, { timeout: 700 });
    const started = Date.now();
    await expect(source.fetch(app, wanted('a'.repeat(40)))).rejects.toMatchObject({ code: 'FORGE_UNREACHABLE' });
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test('is no larger than it may be, and what had come of it is gone', async () => {
    const source = await open({}, { fetching: { maxBytes: 256 * 1024, plainHttp: true } });
    writeFileSync(join(repository.folder, 'big'), randomBytes(1024 * 1024));
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    await expect(source.fetch(app, wanted(sha))).rejects.toMatchObject({ code: 'FORGE_TOO_LARGE' });
    expect(readdirSync(join(place.path, 'sources', 'shop.git', 'objects', 'pack'))).toEqual([]);
    await expect(source.version(app, sha)).rejects.toMatchObject({ code: 'UNKNOWN_SOURCE' });
  });

  test('is not fetched from where a forge sends one on: the token would go there, too', async () => {
    const elsewhere = await startForge({ folder });
    const source = await open({
      before: (request, response) => {
        response.writeHead(302, { location: `${elsewhere.url}${request.url ?? ''}` }).end();
        return true;
      },
    });
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    const access = { token: { user: 'x-access-token', secret: token } };
    await expect(source.fetch(app, wanted(sha, { access }))).rejects.toMatchObject({ code: expect.stringMatching(/^FORGE_/) });
    expect(elsewhere.fetches).toEqual([]);
    await elsewhere.close();
  });

  test.each(['file:///etc', '/etc', 'ext::sh -c touch% x', '--upload-pack=touch x', 'git://127.0.0.1/x', 'ftp://127.0.0.1/x'])(
    'comes over no other protocol: %s',
    async (url) => {
      const source = await open();
      await expect(source.fetch(app, wanted('a'.repeat(40), { url }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  test('comes over http only where that was allowed', async () => {
    const source = await open({}, { fetching: { plainHttp: false } });
    await expect(source.fetch(app, wanted('a'.repeat(40)))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(forge.fetches).toEqual([]);
  });

  test.each([
    'refs/heads/$(touch x)',
    '--upload-pack=x',
    'refs/heads/../../x',
    'refs/heads/a b',
    '+refs/heads/main:refs/heads/x',
  ])('is of no such ref: %s', async (ref) => {
    const source = await open();
    await expect(source.fetch(app, wanted('a'.repeat(40), { ref }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(forge.fetches).toEqual([]);
  });
});

describe('source over ssh', () => {
  /** In place of ssh: writes down how it was called, and plays the forge with git itself. */
  const standIn = `#!/bin/sh
printf '%s\\n' "$@" > "$(dirname "$0")/called"
for last; do :; done
eval "exec git -c safe.directory='*' \${last#git-}"
`;

  test('is asked for with our key alone, host keys of our own, and paths that no shell reads anew', async () => {
    const bin = join(place.path, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'ssh'), standIn);
    chmodSync(join(bin, 'ssh'), 0o755);
    const source = await open({}, { searchPath: `${bin}:${testEnvironment()['PATH'] ?? ''}` });
    const sha = repository.commit({ 'a.txt': 'one' });
    push('main');
    const odd = join(place.path, 'o\'dd $(touch x) 100% "dir');
    mkdirSync(odd);
    const key = { file: join(odd, 'deploy-key'), knownHosts: join(odd, 'known_hosts') };
    const url = `ssh://git@git.example.invalid:2222${join(folder, 'acme', 'shop.git')}`;
    expect(await source.fetch(app, wanted(sha, { url, access: { key } }))).toMatchObject({ found: 'expected' });
    const words = readFileSync(join(bin, 'called'), 'utf8').split('\n');
    const inSsh = (path: string): string => `"${path.replaceAll('%', '%%').replaceAll('"', String.raw`\"`)}"`;
    expect(words).toContain(`IdentityFile=${inSsh(key.file)}`);
    expect(words).toContain(`UserKnownHostsFile=${inSsh(key.knownHosts)}`);
    for (const option of ['IdentitiesOnly=yes', 'StrictHostKeyChecking=accept-new', 'BatchMode=yes', 'ProxyCommand=none'])
      expect(words).toContain(option);
    expect(words).toContain('git@git.example.invalid');
    expect(existsSync(join(place.path, 'x'))).toBe(false);
  });

  test('needs a key', async () => {
    const source = await open();
    await expect(source.fetch(app, wanted('a'.repeat(40), { url: 'ssh://git@127.0.0.1/x' }))).rejects.toMatchObject({
      code: 'FORGE_REFUSED',
    });
  });
});
