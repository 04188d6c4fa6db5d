import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hookState, hookText } from '../../src/cli/hook-files.ts';
import { endStarted, onlyJson, type Ran, runCli } from './run-cli.ts';

let place: string;
let repository: string;

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: place,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
});
interface Git {
  readonly code: number | null;
  readonly said: string;
}
const git = (cwd: string, ...words: string[]): Git => {
  const ran = spawnSync('git', words, { cwd, encoding: 'utf8', env: environment() });
  return { code: ran.status, said: ran.stdout + ran.stderr };
};
const hooks = (...words: string[]): Promise<Ran> => runCli(['hooks', ...words], { home: place, cwd: repository });

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(repository, path)), { recursive: true });
    await writeFile(join(repository, path), text);
  }
}
const commit = (...words: string[]): Git => git(repository, 'commit', '-m', 'Change', ...words);

/** Everything that lies in a folder, with its mode and text. */
async function inventory(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const all = entries.map(async (entry) => {
    const file = join(entry.parentPath, entry.name);
    return entry.isFile() ? `${file} ${(await stat(file)).mode} ${await readFile(file, 'hex')}` : file;
  });
  return (await Promise.all(all)).sort();
}

/** Lint that fails where a file says so; it writes down that it was run. */
const lintOf = (folder: string): string =>
  JSON.stringify({ name: 'app', scripts: { start: 'node a.js', lint: `echo ${folder} >> ../linted; ! grep -q RED a.js` } });
const app = {
  'web app/package.json': lintOf('web'),
  'web app/a.js': '',
  'api/package.json': lintOf('api'),
  'api/a.js': '',
  'signalbox.yaml':
    'services: { web: { path: web app, run: npm start, route: / }, api: { path: api, run: npm start, route: /api } }',
  '.gitignore': 'linted\n',
};
const linted = async (): Promise<string> => readFile(join(repository, 'linted'), 'utf8').catch(() => '');

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'sb-hooks-'));
  repository = join(place, `it's "a" place`);
  await mkdir(repository);
  git(repository, 'init', '--quiet', '--initial-branch=main');
  await write(app);
  git(repository, 'add', '.');
  commit();
});
afterEach(async () => {
  endStarted();
  await rm(place, { recursive: true, force: true });
});

describe('before a commit', () => {
  it('a red lint of a changed service stops it, with the reason; --no-verify goes through', async () => {
    expect((await hooks('install')).code).toBe(0);
    await write({ 'web app/a.js': 'RED' });
    git(repository, 'add', '.');
    const { code, said } = commit();
    expect(code).toBe(1);
    expect(said).toContain('The lint of web is red: `npm run lint` ended with 1.');
    expect(said).toContain('git commit --no-verify');
    expect(await linted()).toBe('web\n');
    expect(commit('--no-verify').code).toBe(0);
  });

  it('a green one lets it pass, and other services are not asked', async () => {
    await hooks('install');
    await write({ 'api/a.js': 'green', 'web app/a.js': 'RED, not staged' });
    git(repository, 'add', 'api');
    expect(commit().code).toBe(0);
    expect(await linted()).toBe('api\n');
  });

  it('a secret in an added line stops it, and is not shown', async () => {
    await hooks('install');
    const token = ['ghp', 'Zk3vQ9xW1rT7yB5nM2pL8sD4fG6hJ0aCqEuI'].join('_');
    await write({ 'notes\n"of" a\tperson.txt': 'first\n', 'other file.txt': `line\nkey ${token}\n` });
    git(repository, 'add', '.');
    const { code, said } = commit();
    expect(code).toBe(1);
    expect(said).toContain('other file.txt:2');
    expect(said).toContain('A secret is about to be committed.');
    expect(said).not.toContain(token.slice(8));
    await write({ 'other file.txt': `line\nkey ${token} signalbox:allow-secret\n` });
    git(repository, 'add', '.');
    expect(commit().code).toBe(0);
  });

  it('what stands there already, or is taken away, stops nothing', async () => {
    const token = ['ghp', 'Zk3vQ9xW1rT7yB5nM2pL8sD4fG6hJ0aCqEuI'].join('_');
    await write({ 'old.txt': `key ${token}\nsecond\n` });
    git(repository, 'add', '.');
    commit();
    await hooks('install');
    await write({ 'old.txt': `key ${token}\nsecond, changed\n` });
    expect(commit('--all').code).toBe(0);
    await write({ 'old.txt': 'second, changed\n' });
    expect(commit('--all').code).toBe(0);
  });

  it('a commit of one file is judged by that file, whatever else is staged', async () => {
    await hooks('install');
    await write({ 'api/a.js': 'fine', 'web app/a.js': 'RED' });
    git(repository, 'add', '.');
    expect(commit('--', 'api/a.js').code).toBe(0);
    expect(commit('--', 'web app/a.js').code).toBe(1);
  });

  it('holds in a linked work tree, too', async () => {
    await hooks('install');
    const other = join(place, 'other tree');
    git(repository, 'worktree', 'add', '--quiet', other, '-b', 'side');
    await writeFile(join(other, 'api', 'a.js'), 'RED');
    const { code, said } = git(other, 'commit', '--all', '-m', 'Change');
    expect([code, said]).toEqual([1, expect.stringContaining('The lint of api is red')]);
    expect(onlyJson(await runCli(['hooks', 'status', '--json'], { home: place, cwd: other }))).toMatchObject({
      hooks: [
        { hook: 'pre-commit', state: 'ours' },
        { hook: 'pre-push', state: 'ours' },
      ],
    });
  });

  it('refuses, with the way out, when the program is gone', async () => {
    await hooks('install');
    const file = join(repository, '.git/hooks/pre-commit');
    await writeFile(file, hookText('pre-commit', { node: process.execPath, script: '/nowhere/signalbox.js' }));
    expect(commit('--allow-empty')).toEqual({ code: 1, said: expect.stringContaining('--no-verify') as string });
  });
});

describe('before a push', () => {
  let remote: string;
  beforeEach(async () => {
    remote = join(place, 'remote.git');
    git(place, 'init', '--quiet', '--bare', '--initial-branch=main', remote);
    git(repository, 'remote', 'add', 'origin', remote);
    git(repository, 'push', '--quiet', '--set-upstream', 'origin', 'main');
    await hooks('install');
  });
  /** A commit of somebody else's on the remote's main. */
  function theirs(): void {
    const other = join(place, 'theirs');
    git(place, 'clone', '--quiet', remote, other);
    git(other, 'commit', '--quiet', '--allow-empty', '-m', 'Theirs');
    git(other, 'push', '--quiet');
  }

  it.each([
    ['are not known here', false],
    ['are not part of what is pushed', true],
  ])('a forced one over commits that %s is stopped, with the way out, and --no-verify goes through', async (reason, fetched) => {
    theirs();
    if (fetched) git(repository, 'fetch', '--quiet');
    commit('--allow-empty');
    const { code, said } = git(repository, 'push', '--force');
    expect([code, said]).toEqual([1, expect.stringContaining(`origin has commits on main that ${reason}`)]);
    const way = /`(git fetch .+?)`/.exec(said.replaceAll('\n', ' '))?.[1] ?? 'false';
    expect(spawnSync('sh', ['-c', way], { cwd: repository, env: environment() }).status).toBe(0);
    expect(git(repository, 'push').code).toBe(0);
    git(repository, 'commit', '--quiet', '--amend', '--allow-empty', '-m', 'Other', '--no-verify');
    expect(git(repository, 'push', '--force').code).toBe(1);
    expect(git(repository, 'push', '--force', '--no-verify').code).toBe(0);
  });

  it('new branches, tags and deleted branches pass', () => {
    commit('--allow-empty');
    expect(git(repository, 'push', '--quiet')).toEqual({ code: 0, said: '' });
    git(repository, 'tag', 'v1');
    expect(git(repository, 'push', '--quiet', 'origin', 'main:side', 'v1').code).toBe(0);
    expect(git(repository, 'push', '--quiet', 'origin', '--delete', 'side').code).toBe(0);
  });

  it('a hook that was there before reads the same list, and its refusal counts', async () => {
    await hooks('remove');
    const file = join(repository, '.git/hooks/pre-push');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(
      file,
      '#!/bin/sh\ncat > "$(git rev-parse --git-dir)/seen"\necho "$1" >> "$(git rev-parse --git-dir)/seen"\n',
      { mode: 0o755 },
    );
    await hooks('install', '--chain');
    commit('--allow-empty');
    expect(git(repository, 'push', '--quiet').code).toBe(0);
    expect(await readFile(join(repository, '.git/seen'), 'utf8')).toMatch(
      /^refs\/heads\/main [0-9a-f]{40} refs\/heads\/main [0-9a-f]{40}\norigin\n$/,
    );
    await writeFile(`${file}.before-signalbox`, '#!/bin/sh\nexit 7\n');
    commit('--allow-empty');
    expect(git(repository, 'push', '--quiet').code).toBe(1);
  });
});

describe("a hook of somebody else's", () => {
  const own = '#!/bin/sh\necho mine >&2\nexit 1\n';
  beforeEach(async () => {
    await rm(join(repository, '.git/hooks'), { recursive: true, force: true });
    await mkdir(join(repository, '.git/hooks'));
    await writeFile(join(repository, '.git/hooks/pre-commit'), own);
    await chmod(join(repository, '.git/hooks/pre-commit'), 0o755);
  });

  it('stays as it is: nothing is installed, and both ways out are named', async () => {
    const before = await inventory(join(repository, '.git/hooks'));
    const refused = await hooks('install');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('HOOK_FOREIGN')]);
    expect(refused.err).toContain('hooks install --chain');
    expect(refused.err).toContain('signalbox hooks run pre-commit');
    expect(await inventory(join(repository, '.git/hooks'))).toEqual(before);
    expect((await hooks('remove')).code).toBe(0);
    expect(await inventory(join(repository, '.git/hooks'))).toEqual(before);
  });

  it('runs first with --chain, and is back as it was after remove', async () => {
    const before = await inventory(join(repository, '.git/hooks'));
    expect((await hooks('install', '--chain')).code).toBe(0);
    expect((await hooks('install', '--chain')).code).toBe(0);
    expect(commit('--allow-empty')).toEqual({ code: 1, said: 'mine\n' });
    expect((await hooks('status')).out).toContain('installed, after the one that was there before');
    expect((await hooks('remove')).code).toBe(0);
    expect(await inventory(join(repository, '.git/hooks'))).toEqual(before);
  });
});

describe('hooks remove', () => {
  it('leaves no trace', async () => {
    await rm(join(repository, '.git/hooks'), { recursive: true, force: true });
    const before = await inventory(repository);
    await hooks('install');
    expect(await inventory(repository)).not.toEqual(before);
    expect((await hooks('remove')).code).toBe(0);
    expect(await inventory(repository)).toEqual(before);
  });

  it('does not throw away what somebody has added to ours', async () => {
    await hooks('install');
    const file = join(repository, '.git/hooks/pre-commit');
    await writeFile(file, `${await readFile(file, 'utf8')}echo mine\n`);
    expect((await hooks('remove')).err).toContain('was changed since it was made');
    expect((await hooks('install', '--chain')).code).toBe(1);
    expect(await readFile(file, 'utf8')).toContain('echo mine');
  });
});

describe('a folder of hooks that core.hooksPath names', () => {
  it.each([
    ['outside of the repository', () => join(place, 'shared hooks'), 'is not of this repository alone'],
    ['inside of the source', () => '.githooks', 'is part of the source'],
  ])('%s is not written to', async (_, folder, reason) => {
    git(repository, 'config', 'core.hooksPath', folder());
    const before = await inventory(place);
    const refused = await hooks('install');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining(reason)]);
    expect(await inventory(place)).toEqual(before);
  });

  it('is used where git ignores it', async () => {
    git(repository, 'config', 'core.hooksPath', 'linted');
    expect((await hooks('install')).code).toBe(0);
    await rm(join(repository, 'web app'), { recursive: true });
    expect(await readdir(join(repository, 'linted'))).toEqual(['pre-commit', 'pre-push']);
  });
});

describe('the text of a hook', () => {
  it('is known again as ours with any path in it, and not when it was changed', () => {
    for (const script of ['/a/b.js', `/it's "a" $(place)/b.js`, '/a b/c.js']) {
      const text = hookText('pre-push', { node: '/usr/bin/node', script });
      expect(hookState('pre-push', text)).toBe('ours');
      expect(hookState('pre-push', `${text}true\n`)).toBe('edited');
      expect(hookState('pre-commit', text)).toBe('foreign');
      expect(spawnSync('sh', ['-n', '-c', text]).status).toBe(0);
    }
    expect(hookState('pre-push', null)).toBe('absent');
  });
});
