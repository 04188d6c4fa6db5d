import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trackedBranch } from '../../src/cli/upstream.ts';
import { refuseDiverged } from '../../src/domain/divergence.ts';
import { type StandIn, startStandIn } from '../api/stand-in.ts';
import { commitAll, endStarted, makeFolder, onlyJson, type Ran, removeFolders, runCli } from './run-cli.ts';

const git = (cwd: string, ...words: string[]): string => {
  const ran = spawnSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', ...words], { cwd, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`git ${words.join(' ')}: ${ran.stderr}`);
  return ran.stdout;
};
const environment = { PATH: process.env['PATH'] ?? '' };

/** A clone of a repository with one commit, and what adds a commit to either side. */
async function cloned(branch = 'main') {
  const origin = await makeFolder({
    'signalbox.yaml': 'app: shop\nservices: { web: { run: node server.js } }\n',
    'server.js': '',
  });
  git(origin, 'branch', '-m', branch);
  const parent = await mkdtemp(join(tmpdir(), 'sb-clone-'));
  const work = join(parent, 'work');
  git(parent, 'clone', '--quiet', origin, work);
  return {
    work,
    async theirs() {
      await commitAll(origin, 'Theirs');
      git(work, 'fetch', '--quiet');
    },
    ours: () => commitAll(work, 'Ours'),
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

let at: StandIn;
let clone: Awaited<ReturnType<typeof cloned>>;
beforeEach(async () => {
  at = await startStandIn();
  clone = await cloned();
});
afterEach(async () => {
  endStarted();
  await at.close();
  await clone.remove();
});
afterAll(removeFolders);
const run = (...words: string[]): Promise<Ran> => runCli(words, { home: at.home.root, cwd: clone.work });

describe('a deploy of a branch that lacks commits of its upstream', () => {
  it('is refused when it is behind, with the command that helps, and that command helps', async () => {
    await clone.theirs();
    const refused = await run('deploy', '--detach', '--json');
    expect([refused.code, onlyJson(refused)]).toMatchObject([
      1,
      {
        error: {
          code: 'SOURCE_DIVERGED',
          message: 'The branch main lacks 1 commit of origin/main: an older state would be shipped.',
          details: { branch: 'main', upstream: 'origin/main', ahead: 0, behind: 1 },
        },
      },
    ]);
    const { hint } = (onlyJson(refused) as { error: { hint: string } }).error;
    expect(spawnSync('sh', ['-c', /`(.+?)`/.exec(hint)?.[1] ?? 'false'], { cwd: clone.work }).status).toBe(0);
    expect((await run('deploy', '--detach')).code).toBe(0);
  });

  it('is refused when both sides have commits of their own', async () => {
    await clone.ours();
    await clone.theirs();
    const { code, err } = await run('deploy', '--detach');
    expect([code, err]).toEqual([1, expect.stringContaining('lacks 1 commit of origin/main and has 1 commit of its own')]);
    expect(err).toContain('git rebase origin/main');
    expect((await run('plan')).err).toContain('SOURCE_DIVERGED');
  });

  it('goes on with --diverged, and with --dirty, which sends files and no branch', async () => {
    await clone.theirs();
    expect((await run('deploy', '--detach', '--diverged')).code).toBe(0);
    expect((await run('deploy', '--detach', '--dirty')).code).toBe(0);
  });

  it('is refused for the branch that --ref names, and not for a commit or a tag', async () => {
    git(clone.work, 'tag', 'v1');
    git(clone.work, 'switch', '--quiet', '--create', 'other', '--no-track');
    await clone.theirs();
    const { code, err } = await run('deploy', '--detach', '--ref', 'main');
    expect([code, err]).toEqual([1, expect.stringContaining('git switch main && git merge --ff-only origin/main')]);
    for (const ref of ['v1', git(clone.work, 'rev-parse', 'main').trim()])
      expect((await run('deploy', '--detach', '--ref', ref)).code).toBe(0);
  });
});

describe('a branch that is only ahead', () => {
  it('is shipped', async () => {
    await clone.ours();
    expect((await run('deploy', '--detach')).code).toBe(0);
  });
});

describe('there is nothing to compare', () => {
  it('for a branch that follows none, one whose upstream is gone, and a checked-out commit', async () => {
    git(clone.work, 'switch', '--quiet', '--create', 'own', '--no-track');
    expect(await trackedBranch(clone.work, 'HEAD', environment)).toBeUndefined();
    git(clone.work, 'update-ref', '-d', 'refs/remotes/origin/main');
    expect(await trackedBranch(clone.work, 'main', environment)).toBeUndefined();
    git(clone.work, 'switch', '--quiet', '--detach');
    expect(await trackedBranch(clone.work, 'HEAD', environment)).toBeUndefined();
    expect(await trackedBranch(clone.work, '--output=x', environment)).toBeUndefined();
  });
});

describe('a branch whose name means something to a shell', () => {
  it('is quoted in the commands that are proposed', async () => {
    const name = "it's;touch${IFS}owned";
    const odd = await cloned(name);
    try {
      await odd.theirs();
      const tracked = await trackedBranch(odd.work, name, environment);
      expect(tracked).toMatchObject({ branch: name, ahead: 0, behind: 1, current: true });
      let hint = '';
      try {
        if (tracked !== undefined) refuseDiverged(tracked);
      } catch (error) {
        ({ hint } = error as { hint: string });
      }
      await writeFile(join(odd.work, 'way.sh'), /`(.+?)` brings/.exec(hint)?.[1] ?? 'false');
      expect(spawnSync('sh', ['way.sh'], { cwd: odd.work }).status).toBe(0);
      expect(existsSync(join(odd.work, 'owned'))).toBe(false);
      expect((await trackedBranch(odd.work, name, environment))?.behind).toBe(0);
    } finally {
      await odd.remove();
    }
  });
});
