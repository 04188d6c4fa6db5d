import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { preCommitFile } from '../../src/blueprints/pre-commit.ts';
import { type Files, inputOf, packageJson } from './repositories.ts';

/** The keys that pre-commit documents; it warns of any other, or refuses the file. */
const known = {
  file: [
    'ci',
    'default_install_hook_types',
    'default_language_version',
    'default_stages',
    'exclude',
    'fail_fast',
    'files',
    'minimum_pre_commit_version',
    'repos',
  ],
  hook: [
    'additional_dependencies',
    'alias',
    'always_run',
    'args',
    'exclude',
    'exclude_types',
    'files',
    'id',
    'language_version',
    'log_file',
    'name',
    'stages',
    'types',
    'types_or',
    'verbose',
  ],
  local: ['description', 'entry', 'fail_fast', 'language', 'minimum_pre_commit_version', 'pass_filenames', 'require_serial'],
};
const stages = [
  'commit-msg',
  'manual',
  'post-checkout',
  'post-commit',
  'post-merge',
  'post-rewrite',
  'pre-commit',
  'pre-merge-commit',
  'pre-push',
  'pre-rebase',
  'prepare-commit-msg',
];

type Hook = Readonly<Record<string, unknown>> & { readonly id: string };
interface Config {
  readonly repos: readonly { readonly repo: string; readonly rev?: string; readonly hooks: readonly Hook[] }[];
}

/** What pre-commit would refuse, by its documented keys and values. */
function mistakes(config: Config): string[] {
  const found = Object.keys(config).filter((key) => !known.file.includes(key));
  for (const { repo, rev, hooks } of config.repos) {
    const local = repo === 'local';
    if (!local && typeof rev !== 'string') found.push(`${repo} has no rev`);
    for (const hook of hooks) {
      const allowed = local ? [...known.hook, ...known.local] : known.hook;
      found.push(...Object.keys(hook).filter((key) => !allowed.includes(key)));
      if (local) found.push(...['id', 'name', 'entry', 'language'].filter((key) => typeof hook[key] !== 'string'));
      found.push(...((hook['stages'] ?? []) as string[]).filter((stage) => !stages.includes(stage)));
      for (const key of ['files', 'exclude'])
        if (typeof hook[key] === 'string') expect(() => new RegExp(String(hook[key]))).not.toThrow();
    }
  }
  return found;
}

const shop: Files = {
  'web app/package.json': packageJson({ scripts: { start: 'node a.js', lint: 'echo "it is" > linted', test: 'exit 3' } }),
  'web app/a.js': '',
  'jobs/requirements.txt': 'pytest\nruff\nmypy\n',
  'jobs/main.py': '',
  'signalbox.yaml': 'services: { web: { path: web app, run: npm start, route: / }, jobs: { path: jobs, run: python main.py } }',
};

const made = async (files: Files = shop): Promise<{ text: string; config: Config; local: readonly Hook[] }> => {
  const { text } = preCommitFile(await inputOf(files));
  const config = parse(text) as Config;
  return { text, config, local: config.repos.find(({ repo }) => repo === 'local')?.hooks ?? [] };
};

let place = '';
afterEach(() => rm(place, { recursive: true, force: true }));

/** Starts a hook as pre-commit does: split into words as a shell would, and started without one. */
async function start(hook: Hook | undefined): Promise<number | null> {
  place = await mkdtemp(join(tmpdir(), 'sb-pre-commit-'));
  for (const [path, text] of Object.entries(shop)) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeFile(join(place, path), text);
  }
  const python = 'import shlex, subprocess, sys; sys.exit(subprocess.call(shlex.split(sys.argv[1])))';
  return spawnSync('python3', ['-c', python, String(hook?.['entry'])], { cwd: place }).status;
}

describe('.pre-commit-config.yaml', () => {
  it('has keys and values that pre-commit knows, and the check of that sees a mistake', async () => {
    const { config } = await made();
    expect(mistakes(config)).toEqual([]);
    const [first] = config.repos;
    expect(mistakes({ repos: [{ repo: 'https://x', hooks: [{ id: 'a', entry: 'b', stages: ['push'] }] }] })).toEqual([
      'https://x has no rev',
      'entry',
      'push',
    ]);
    expect(first?.hooks.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'check-yaml',
        'detect-private-key',
        'check-added-large-files',
        'check-merge-conflict',
        'trailing-whitespace',
      ]),
    );
  });

  it('is pinned to a commit, with its version beside it', async () => {
    expect((await made()).text).toMatch(/^ +rev: [0-9a-f]{40} # frozen: v\d+\.\d+\.\d+$/m);
  });

  it('has the checks that the repository declares, for changes of their folder alone; tests wait for the push', async () => {
    const { local } = await made();
    expect(local.map(({ id }) => id)).toEqual(['web-lint', 'web-test', 'jobs-lint', 'jobs-types', 'jobs-test']);
    expect(local.map((hook) => hook['stages'] ?? null)).toEqual([null, ['pre-push'], null, null, ['pre-push']]);
    expect(local[0]?.['files']).toBe('^web app/');
    expect(local.every((hook) => hook['pass_filenames'] === false)).toBe(true);
    expect((await made({ 'index.html': '' })).config.repos).toHaveLength(1);
  });

  it('starts them in their folder, whatever it is called, and fails as they do', async () => {
    const { local } = await made();
    expect(await start(local[0])).toBe(0);
    expect(spawnSync('cat', [join(place, 'web app', 'linted')]).stdout.toString()).toBe('it is\n');
    await rm(place, { recursive: true, force: true });
    expect(await start(local[1])).toBe(3);
  });

  it('takes signs of a folder’s name literally', async () => {
    const { local } = await made({
      'a.b(c)/package.json': packageJson({ scripts: { start: 'node a.js', lint: 'eslint' } }),
      'a.b(c)/a.js': '',
      'signalbox.yaml': 'services: { web: { path: "a.b(c)", run: npm start, route: / } }',
    });
    expect(new RegExp(String(local[0]?.['files'])).test('a.b(c)/a.js')).toBe(true);
    expect(new RegExp(String(local[0]?.['files'])).test('aXb(c)/a.js')).toBe(false);
  });
});
