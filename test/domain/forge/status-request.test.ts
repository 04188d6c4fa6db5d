import { describe, expect, it } from 'vitest';
import { type CloneUrl, readCloneUrl } from '../../../src/domain/forge/clone-url.ts';
import type { ForgeKind } from '../../../src/domain/forge/event.ts';
import { type CommitStatus, statusRequest } from '../../../src/domain/forge/status-request.ts';
import { second } from './payloads.ts';

const status: CommitStatus = {
  sha: second,
  context: 'signalbox/production',
  state: 'failure',
  description: 'web did not become healthy',
  link: 'https://portfolio.example.com/',
};
const to = (kind: ForgeKind, url: string, api: string | null = null, changes: Partial<CommitStatus> = {}) =>
  statusRequest({ kind, clone: readCloneUrl(url, { plainLoopback: true }) as CloneUrl, api }, { ...status, ...changes });

describe('the status of a commit', () => {
  it('goes to GitHub as it wants it', () => {
    expect(to('github', 'git@github.com:acme/portfolio.git')).toEqual({
      method: 'POST',
      url: `https://api.github.com/repos/acme/portfolio/statuses/${second}`,
      credential: { header: 'authorization', prefix: 'Bearer ' },
      body: {
        state: 'failure',
        context: 'signalbox/production',
        description: 'web did not become healthy',
        target_url: 'https://portfolio.example.com/',
      },
    });
  });

  it('goes to GitLab as it wants it', () => {
    expect(to('gitlab', 'https://gitlab.example.com/group/sub/portfolio.git', null, { link: null })).toEqual({
      method: 'POST',
      url: `https://gitlab.example.com/api/v4/projects/group%2Fsub%2Fportfolio/statuses/${second}`,
      credential: { header: 'private-token', prefix: '' },
      body: { state: 'failed', name: 'signalbox/production', description: 'web did not become healthy' },
    });
  });

  it('goes to Gitea and Forgejo as they want it', () => {
    expect(to('gitea', 'https://codeberg.org/acme/portfolio')).toMatchObject({
      url: `https://codeberg.org/api/v1/repos/acme/portfolio/statuses/${second}`,
      credential: { header: 'authorization', prefix: 'token ' },
    });
  });

  it.each<[ForgeKind, string, string | null, string]>([
    ['github', 'https://git.corp.example/acme/p.git', null, 'https://git.corp.example/api/v3/repos/acme/p'],
    ['github', 'https://git.corp.example/acme/p.git', 'https://api.corp.example/', 'https://api.corp.example/repos/acme/p'],
    ['gitea', 'ssh://git@git.example.com:2222/acme/p.git', null, 'https://git.example.com/api/v1/repos/acme/p'],
    ['gitea', 'https://example.com/git/acme/p.git', null, 'https://example.com/git/api/v1/repos/acme/p'],
    ['gitea', 'http://127.0.0.1:3000/acme/p.git', null, 'http://127.0.0.1:3000/api/v1/repos/acme/p'],
    ['gitlab', 'git@gitlab.com:g/p.git', null, 'https://gitlab.com/api/v4/projects/g%2Fp'],
  ])('finds the API: %s %s', (kind, url, api, base) => {
    expect(to(kind, url, api)?.url).toBe(`${base}/statuses/${second}`);
  });

  it('is short and on one line', () => {
    const body = to('github', 'https://github.com/a/b', null, { description: `first\nsecond ${'x'.repeat(500)}` })?.body;
    expect(body?.['description']).toMatch(/^first second x+…$/);
    expect(body?.['description']?.length).toBe(140);
  });

  it('is not sent where the address names no repository', () => {
    expect(to('github', 'https://github.com/lonely')).toBeNull();
  });
});
