import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ForgeKind } from '../../../src/domain/forge/event.ts';
import { readForgeEvent } from '../../../src/domain/forge/read-event.ts';
import { first, giteaPush, githubPull, githubPush, gitlabMerge, gitlabPush, second, zeros } from './payloads.ts';

const read = (kind: ForgeKind, name: string, payload: unknown) =>
  readForgeEvent({ kind, name, type: 'application/json', body: JSON.stringify(payload) });

describe('a push', () => {
  it('is read from every forge as the same thing', () => {
    const moved = { type: 'moved', ref: 'refs/heads/main', before: first, after: second };
    expect(read('github', 'push', githubPush())).toEqual({
      ...moved,
      commitUrl: `https://github.com/acme/portfolio/commit/${second}`,
      pusher: 'mona',
    });
    expect(read('gitea', 'push', giteaPush())).toEqual({
      ...moved,
      commitUrl: `https://git.example.com/acme/portfolio/commit/${second}`,
      pusher: 'gitea-user',
    });
    expect(read('gitlab', 'Push Hook', gitlabPush())).toEqual({
      ...moved,
      commitUrl: `https://gitlab.example.com/group/sub/portfolio/-/commit/${second}`,
      pusher: 'jo',
    });
  });

  it('of a new branch or a tag has no commit before it', () => {
    expect(read('github', 'push', githubPush({ before: zeros }))).toMatchObject({ type: 'moved', before: null, after: second });
    const tag = gitlabPush({ object_kind: 'tag_push', ref: 'refs/tags/v1.0.0', before: zeros });
    expect(read('gitlab', 'Tag Push Hook', tag)).toMatchObject({ type: 'moved', ref: 'refs/tags/v1.0.0', before: null });
  });

  it('that deletes is a deletion, and so is the event that Gitea has for it', () => {
    const deleted = { type: 'deleted', ref: 'refs/heads/main', before: first };
    expect(read('github', 'push', githubPush({ after: zeros, deleted: true, head_commit: null }))).toEqual(deleted);
    expect(read('gitlab', 'Push Hook', gitlabPush({ after: zeros, checkout_sha: null }))).toEqual(deleted);
    expect(read('gitea', 'delete', { ref: 'main', ref_type: 'branch' })).toEqual({ ...deleted, before: null });
    expect(read('gitea', 'delete', { ref: 'v1', ref_type: 'tag' })).toMatchObject({ ref: 'refs/tags/v1' });
  });

  it('that moves nothing, as a test button sends it, is ignored', () => {
    expect(read('gitea', 'push', giteaPush({ before: second }))).toMatchObject({ type: 'ignored' });
  });

  it('is read from a form as well as from JSON', () => {
    const body = `payload=${encodeURIComponent(JSON.stringify(githubPush())).replaceAll('%20', '+')}`;
    const form = { kind: 'github', name: 'push', type: 'application/x-www-form-urlencoded; charset=utf-8' } as const;
    expect(readForgeEvent({ ...form, body })).toEqual(read('github', 'push', githubPush()));
    for (const broken of ['', 'other=1', 'payload=%', 'payload=%7B'])
      expect(readForgeEvent({ ...form, body: broken })).toMatchObject({ type: 'ignored' });
  });
});

describe('a pull request', () => {
  it.each([
    ['opened', 'opened'],
    ['synchronize', 'synchronised'],
    ['synchronized', 'synchronised'],
    ['reopened', 'reopened'],
    ['closed', 'closed'],
  ])('%s is %s', (action, expected) => {
    expect(read('github', 'pull_request', githubPull(action))).toEqual({
      type: 'pull-request',
      number: 12,
      action: expected,
      title: 'Make it blue',
      head: { sha: second, ref: 'blue', repository: 'acme/portfolio' },
      base: 'main',
      fromFork: false,
    });
  });

  it('of GitLab is read by its action, and an update only when it moves code', () => {
    const action = (name: string, more = {}) => read('gitlab', '', gitlabMerge({ action: name, ...more }));
    expect(action('open')).toMatchObject({ action: 'opened', number: 5, fromFork: false });
    expect(action('merge')).toMatchObject({ action: 'closed' });
    expect(action('update', { oldrev: first })).toMatchObject({ action: 'synchronised' });
    expect(action('update')).toMatchObject({ type: 'ignored' });
    expect(action('approved')).toMatchObject({ type: 'ignored' });
  });

  it('from a fork is flagged, also when the fork is gone or only looks like the repository', () => {
    const fork = (head: Readonly<Record<string, unknown>>) => read('github', 'pull_request', githubPull('opened', head));
    expect(fork({ repo: { id: 8, full_name: 'stranger/portfolio' } })).toMatchObject({ fromFork: true });
    expect(fork({ repo: null })).toMatchObject({ fromFork: true, head: { repository: null } });
    expect(fork({ repo: { id: 8, full_name: 'acme/portfolio' } })).toMatchObject({ fromFork: true });
    expect(fork({ repo: { id: 7, full_name: 'stranger/portfolio' } })).toMatchObject({ fromFork: true });
    expect(fork({ repo: { id: '7', full_name: 'acme/portfolio' } })).toMatchObject({ fromFork: true });
    expect(read('gitlab', '', gitlabMerge({ source_project_id: 99 }))).toMatchObject({ fromFork: true });
    expect(read('gitlab', '', gitlabMerge({ source_project_id: undefined, target_project_id: undefined }))).toMatchObject({
      fromFork: true,
    });
  });
});

describe('what strangers write', () => {
  it.each([
    '$(touch x)',
    '`touch x`',
    '../../etc/passwd',
    'a/../b',
    '-c',
    '--upload-pack=touch x',
    'main;touch x',
    'main\nmain',
    '<script>alert(1)</script>',
    'a b',
    'main\u0000',
    'main.lock',
    '.hidden',
    'a//b',
    'main@{1}',
    'main..other',
    'a:b',
    '*',
    'a'.repeat(400),
    '\u202Emain',
  ])('is no name of a branch: %j', (name) => {
    expect(read('github', 'push', githubPush({ ref: `refs/heads/${name}` }))).toMatchObject({ type: 'ignored' });
    expect(read('gitlab', '', gitlabPush({ ref: `refs/heads/${name}` }))).toMatchObject({ type: 'ignored' });
    expect(read('gitea', 'delete', { ref: name, ref_type: 'branch' })).toMatchObject({ type: 'ignored' });
    expect(read('github', 'pull_request', githubPull('opened', { ref: name }))).toMatchObject({ type: 'ignored' });
  });

  it.each(['refs/pull/1/head', 'refs/signalbox/kept/x', 'HEAD', 'main', 'refs/heads/', ''])('is no branch or tag: %j', (ref) => {
    expect(read('github', 'push', githubPush({ ref }))).toMatchObject({ type: 'ignored' });
  });

  it.each([
    'main',
    'feature/größe'.replace('größe', 'size'),
    'dependabot/npm_and_yarn/@types/node-20.19.43',
    'fix+this',
    'v1.0',
    '1#2',
  ])('is a name of a branch that people have: %s', (name) => {
    expect(read('github', 'push', githubPush({ ref: `refs/heads/${name}` }))).toMatchObject({ ref: `refs/heads/${name}` });
  });

  it.each([['short'], ['A'.repeat(40)], [`${second}\n`], [`--${'a'.repeat(38)}`], ['f'.repeat(64)], [7], [null]])(
    'is no commit: %j',
    (after) => {
      expect(read('github', 'push', githubPush({ after }))).toMatchObject({ type: 'ignored' });
      expect(read('github', 'pull_request', githubPull('opened', { sha: after }))).toMatchObject({ type: 'ignored' });
    },
  );

  it('is bounded, and plain for terminals and pages', () => {
    const event = read('github', 'push', githubPush({ pusher: { name: `\u001B[31m\u202E${'x'.repeat(5000)}` } }));
    const pusher = event.type === 'moved' ? (event.pusher ?? '') : '';
    expect(pusher.length).toBeLessThanOrEqual(200);
    expect(pusher).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it.each(['javascript:alert(1)', 'https://user:pw@evil.example/', 'https://x.example/"><script>', 'file:///etc/passwd', 7])(
    'is no link: %j',
    (url) => {
      expect(read('github', 'push', githubPush({ head_commit: { url } }))).toMatchObject({ type: 'moved', commitUrl: null });
    },
  );

  it('of keys that are there twice is one value throughout: the last', () => {
    const body = `{"ref":"refs/heads/main","after":"${first}","before":"${first}","ref":"refs/heads/other","after":"${second}"}`;
    expect(readForgeEvent({ kind: 'github', name: 'push', type: 'application/json', body })).toMatchObject({
      ref: 'refs/heads/other',
      after: second,
    });
  });

  it('finds nothing in what objects inherit', () => {
    const body = `{"__proto__":${JSON.stringify(githubPush())}}`;
    expect(readForgeEvent({ kind: 'github', name: 'push', type: 'application/json', body })).toMatchObject({ type: 'ignored' });
    expect(read('github', 'pull_request', githubPull('constructor'))).toMatchObject({ type: 'ignored' });
  });

  it('never makes the reading fail, whatever it is', () => {
    const names = fc.constantFrom('push', 'pull_request', 'ping', 'delete', 'constructor', '');
    const kinds = fc.constantFrom<ForgeKind>('github', 'gitlab', 'gitea');
    fc.assert(
      fc.property(kinds, names, fc.oneof(fc.string(), fc.json()), (kind, name, body) => {
        readForgeEvent({ kind, name, type: 'application/json', body });
      }),
    );
    for (const body of ['['.repeat(500_000), `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 'null', '7', '"push"', '[]'])
      expect(readForgeEvent({ kind: 'github', name: 'push', type: '', body })).toMatchObject({ type: 'ignored' });
  });

  it('of a changed or missing field makes no event with a field of another type', () => {
    const values = fc.oneof(fc.constant(null), fc.integer(), fc.string(), fc.constant([]), fc.constant({}));
    const fields = fc.constantFrom('ref', 'before', 'after', 'pusher', 'head_commit');
    fc.assert(
      fc.property(fields, values, (field, value) => {
        const event = read('github', 'push', githubPush({ [field]: value }));
        if (event.type !== 'moved') return;
        expect(event.ref).toMatch(/^refs\/(heads|tags)\/\S+$/);
        expect(event.after).toMatch(/^[0-9a-f]{40}$/);
        expect([null, 'string']).toContain(event.pusher === null ? null : typeof event.pusher);
      }),
    );
  });
});
