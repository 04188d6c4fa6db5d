import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { processEnvironment } from '../../src/config/settings.ts';

/** Variables for git in tests: the machine's, with an author of their own. */
export const testEnvironment = (): Record<string, string> => ({
  ...processEnvironment(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.invalid',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.invalid',
});

export interface TestRepository {
  readonly folder: string;
  git(...args: string[]): string;
  write(files: Readonly<Record<string, string>>): void;
  /** Writes, adds and commits; returns the SHA. */
  commit(files: Readonly<Record<string, string>>, subject?: string): string;
}

/** A real repository in a folder of its own. */
export function testRepository(parent: string, name = 'shop'): TestRepository {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'safe.directory=*', ...args], {
      cwd: folder,
      env: testEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  git('init', '--quiet', '-b', 'main');
  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  };
  return {
    folder,
    git,
    write,
    commit(files, subject = 'Change') {
      write(files);
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '-m', subject);
      return git('rev-parse', 'HEAD');
    },
  };
}

/** A folder that is gone when `end` was called. */
export function testFolder(): { readonly path: string; end(): void } {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-test-'));
  return { path, end: () => rmSync(path, { recursive: true, force: true }) };
}
