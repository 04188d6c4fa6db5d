/** Payloads in the forms that the forges send, shortened to what could be read from them. */

export const first = 'a'.repeat(40);
export const second = '0123456789abcdef0123456789abcdef01234567';
export const zeros = '0'.repeat(40);

export const githubPush = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ref: 'refs/heads/main',
  before: first,
  after: second,
  repository: {
    id: 7,
    full_name: 'acme/portfolio',
    clone_url: 'https://github.com/acme/portfolio.git',
    pushed_at: 1_767_225_600,
  },
  pusher: { name: 'mona', email: 'mona@example.com' },
  created: false,
  deleted: false,
  forced: false,
  head_commit: { id: second, message: 'Second', url: `https://github.com/acme/portfolio/commit/${second}` },
  commits: [{ id: second, url: `https://github.com/acme/portfolio/commit/${second}` }],
  ...changes,
});

export const giteaPush = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ref: 'refs/heads/main',
  before: first,
  after: second,
  compare_url: 'https://git.example.com/acme/portfolio/compare/a...b',
  commits: [{ id: second, url: `https://git.example.com/acme/portfolio/commit/${second}` }],
  head_commit: { id: second, url: `https://git.example.com/acme/portfolio/commit/${second}` },
  repository: { id: 140, full_name: 'acme/portfolio' },
  pusher: { id: 1, login: 'gitea-user', username: 'gitea-user' },
  sender: { id: 1, login: 'gitea-user' },
  ...changes,
});

export const gitlabPush = (changes: Readonly<Record<string, unknown>> = {}) => ({
  object_kind: 'push',
  event_name: 'push',
  ref: 'refs/heads/main',
  before: first,
  after: second,
  checkout_sha: second,
  user_name: 'Jo Example',
  user_username: 'jo',
  project_id: 15,
  project: { id: 15, path_with_namespace: 'group/sub/portfolio' },
  commits: [
    { id: first, url: 'https://gitlab.example.com/group/sub/portfolio/-/commit/older' },
    { id: second, url: `https://gitlab.example.com/group/sub/portfolio/-/commit/${second}` },
  ],
  ...changes,
});

export const githubPull = (action: string, head: Readonly<Record<string, unknown>> = {}) => ({
  action,
  number: 12,
  pull_request: {
    number: 12,
    title: 'Make it blue',
    head: { ref: 'blue', sha: second, repo: { id: 7, full_name: 'acme/portfolio', fork: false }, ...head },
    base: { ref: 'main', sha: first, repo: { id: 7, full_name: 'acme/portfolio' } },
  },
  repository: { id: 7, full_name: 'acme/portfolio' },
});

export const gitlabMerge = (changes: Readonly<Record<string, unknown>> = {}) => ({
  object_kind: 'merge_request',
  user: { username: 'jo' },
  object_attributes: {
    iid: 5,
    title: 'Make it blue',
    action: 'open',
    source_branch: 'blue',
    target_branch: 'main',
    source_project_id: 15,
    target_project_id: 15,
    source: { path_with_namespace: 'group/portfolio' },
    target: { path_with_namespace: 'group/portfolio' },
    last_commit: { id: second },
    ...changes,
  },
});
