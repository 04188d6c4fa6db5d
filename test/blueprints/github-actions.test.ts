import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type GithubActionsAnswers, githubActionsFiles } from '../../src/blueprints/github-actions/files.ts';
import { findActionlint } from './actionlint.ts';
import { type Files, inputOf, packageJson } from './repositories.ts';

const node = (folder: string, scripts: Readonly<Record<string, string>>, more: Files = {}): Files => ({
  [`${folder}/package.json`]: packageJson({ scripts, dependencies: { pg: '8' } }),
  [`${folder}/package-lock.json`]: '{"lockfileVersion":3}',
  [`${folder}/server.js`]: 'connect(process.env.DATABASE_URL, process.env.REDIS_URL)',
  ...Object.fromEntries(Object.entries(more).map(([file, text]) => [`${folder}/${file}`, text])),
});

const shop: Files = {
  ...node('web', { build: 'next build', start: 'next start', test: 'node --test', lint: 'eslint .', typecheck: 'tsc --noEmit' }),
  ...node(
    'api',
    { start: 'node server.js', test: 'node --test', 'format:check': 'prettier --check .' },
    { 'test/api.test.js': 'skipWithout(process.env.TEST_DATABASE_URL)' },
  ),
  'jobs/requirements.txt': 'flask==3.1.0\n',
  'jobs/requirements-dev.txt': 'pytest==8.4.1\nruff==0.12.0\n',
  'jobs/.python-version': '3.13\n',
  'jobs/main.py': 'import os\n',
  'jobs/tests/test_main.py': 'def test_it(): pass\n',
  'site/index.html': '<h1>Shop</h1>',
  'signalbox.yaml': [
    'app: shop',
    'services:',
    '  web: { path: web, build: npm ci && npm run build, run: npm start, route: / }',
    '  api: { path: api, build: npm ci, run: npm start, route: /api, release: { run: "node migrate.js --all $HOME ${{ secrets.X }}", timeout: 90s } }',
    '  mailer: { path: api, build: npm ci, run: node mailer.js }',
    '  jobs: { path: jobs, run: python main.py }',
    '  docs: { path: site, static: ., route: { host: docs.localhost } }',
    '  cache: { image: redis:7, run: redis-server }',
    'accessories:',
    "  db: { type: postgres, version: '16' }",
    '  other: { type: postgres }',
    '  store: redis',
    '  admin: { type: pgadmin, when: dev }',
  ].join('\n'),
};

interface WorkflowText {
  readonly text: string;
  readonly jobs: Readonly<
    Record<string, { readonly [key: string]: unknown; readonly steps?: readonly Record<string, unknown>[] }>
  >;
  readonly on: Readonly<Record<string, { readonly paths?: readonly string[] } | null>>;
}

const none: Pick<WorkflowText, 'jobs'> = { jobs: {} };
const preset: GithubActionsAnswers = { target: 'aws', credentials: 'oidc' };
async function made(files: Files = shop, answers: Partial<GithubActionsAnswers> = {}): Promise<Record<string, WorkflowText>> {
  const all = githubActionsFiles(await inputOf(files), { ...preset, ...answers });
  return Object.fromEntries(
    all.map(({ path, text }) => [
      path.replace(/^\.github\/workflows\/(.+)\.yml$/, '$1'),
      { text, ...(parse(text) as Omit<WorkflowText, 'text'>) },
    ]),
  );
}
const runs = (workflow: WorkflowText | undefined, job = 'test'): unknown[] =>
  (workflow?.jobs[job]?.steps ?? [])
    .filter((step) => 'run' in step)
    .map((step) => [step['name'], step['working-directory'], step['run']]);

/** The condition of a job as GitHub would decide it, for expressions as simple as ours. */
function decide(
  condition: unknown,
  given: { ref?: string; event?: string; sha?: string; needs: Record<string, string>; cancelled?: boolean },
): boolean {
  const code = String(condition)
    .replace(/^\$\{\{ | \}\}$/g, '')
    .replace(/needs\.([\w-]+)\.result/g, 'needs["$1"]')
    .replaceAll('cancelled()', 'cancelled');
  const { ref = 'refs/heads/main', event = 'push', sha = '', needs, cancelled = false } = given;
  return runInNewContext(code, { github: { ref, event_name: event }, inputs: { sha }, needs, cancelled }) as boolean;
}

describe('workflows for GitHub Actions', () => {
  for (const [name, answers] of [
    ['AWS, signed in by OIDC', preset],
    ['AWS, signed in by keys', { target: 'aws', credentials: 'secrets' }],
    ['a Signalbox', { target: 'signalbox', credentials: 'oidc' }],
  ] as const)
    it(`for ${name} pass actionlint`, async (context) => {
      const found = findActionlint();
      if ('missing' in found) return context.skip(found.missing);
      const findings: string[] = [];
      const all = Object.entries(await made(shop, answers));
      for (const [file, { text }] of all)
        for (const { message, line } of await found.lint(text, `.github/workflows/${file}.yml`))
          findings.push(`${file}:${line} ${message}`);
      expect(all.length).toBe(5);
      expect(findings).toEqual([]);
    });

  it('would not pass it with a mistake', async (context) => {
    const found = findActionlint();
    if ('missing' in found) return context.skip(found.missing);
    const text = (await made())['ship-to-ecs']?.text ?? '';
    for (const [right, wrong] of [
      ['steps.image.outputs.present', 'steps.picture.outputs.present'],
      ['needs: [test', 'needs: [tets'],
      ['inputs.frontend', 'inputs.fronted'],
      ['runs-on: ubuntu-24.04', 'runs-on: ubuntu-24'],
    ] as const) {
      const whole = right.startsWith('needs') ? ((await made())['api']?.text ?? '') : text;
      expect(whole).toContain(right);
      expect(await found.lint(whole.replace(right, wrong), '.github/workflows/x.yml')).not.toEqual([]);
    }
  });

  it('are one for the services of each folder, and one that they share; an image made elsewhere has none', async () => {
    expect(Object.keys(await made())).toEqual(['web', 'api', 'jobs', 'docs', 'ship-to-ecs']);
    expect(Object.keys(await made(shop, { target: 'signalbox' }))).toEqual(['web', 'api', 'jobs', 'docs', 'ship']);
  });

  it('run when something of theirs has changed', async () => {
    const all = await made();
    const own = ['api/**', '.github/workflows/api.yml', '.github/workflows/ship-to-ecs.yml'];
    expect(all['api']?.on).toMatchObject({ pull_request: { paths: own }, push: { branches: ['main'], paths: own } });
    const root = await made({
      'package.json': packageJson({ scripts: { start: 'node a.js' } }),
      'a.js': '',
      'api/index.html': '',
      'signalbox.yaml': 'services: { web: { run: npm start, route: / }, pages: { path: api, static: ., route: /p } }',
    });
    expect(root['web']?.on['push']?.paths?.slice(0, 2)).toEqual(['**', '!api/**']);
  });

  it('of a workspace run on every change: nobody knows which package takes what', async () => {
    const all = await made({
      'package.json': packageJson({ workspaces: ['apps/*'] }),
      'package-lock.json': '{}',
      'apps/web/package.json': packageJson({ scripts: { start: 'node a.js', test: 'node --test' } }),
      'apps/web/a.js': '',
      'signalbox.yaml': 'services: { web: { path: apps/web, run: npm start, route: / } }',
    });
    expect(all['web']?.on['pull_request']).toEqual({});
    expect(runs(all['web'])).toEqual([
      ['Install', undefined, 'npm ci'],
      ['Test', 'apps/web', 'npm test'],
    ]);
  });

  it('test by the scripts of the repository, in the order of what fails fastest', async () => {
    const all = await made();
    expect(runs(all['web']).map((step) => (step as string[])[2])).toEqual([
      'npm ci',
      'npm run lint',
      'npm run typecheck',
      'npm run build',
      'npm test',
    ]);
    expect(runs(all['api'])).toEqual([
      ['Install', 'api', 'npm ci'],
      ['Format', 'api', 'npm run format:check'],
      ['Test', 'api', 'npm test'],
    ]);
    expect(runs(all['jobs'])).toEqual([
      ['Install', 'jobs', 'python -m pip install -r requirements.txt -r requirements-dev.txt'],
      ['Lint', 'jobs', 'python -m ruff check .'],
      ['Test', 'jobs', 'python -m pytest'],
    ]);
    for (const { text } of Object.values(all)) expect(text).not.toMatch(/\|\| true|continue-on-error/);
  });

  it('say so where there is no test, instead of passing for tested', async () => {
    expect(runs((await made())['docs'])).toEqual([
      ['Test', undefined, expect.stringContaining('::warning::No test command was found')],
    ]);
  });

  it('start the databases that the code asks for, each at a port of its own, also under the names that only tests read', async () => {
    const test = (await made())['api']?.jobs['test'];
    expect(test?.['services']).toMatchObject({
      db: { image: 'postgres:16', ports: ['5432:5432'], options: expect.stringContaining('pg_isready') as string },
      store: { image: 'redis:7', ports: ['6379:6379'] },
    });
    expect(test?.['services']).not.toHaveProperty('admin');
    expect(test?.['env']).toEqual({
      DATABASE_URL: 'postgres://app:test-only@127.0.0.1:5432/app',
      TEST_DATABASE_URL: 'postgres://app:test-only@127.0.0.1:5432/app',
      REDIS_URL: 'redis://127.0.0.1:6379',
    });
    expect((await made())['jobs']?.jobs['test']).not.toHaveProperty('services');
  });

  it('have the permissions that they need and no more, and actions that nobody can exchange', async () => {
    for (const answers of [preset, { credentials: 'secrets' }, { target: 'signalbox' }] as const)
      for (const { text } of Object.values(await made(shop, answers))) {
        expect(text).toMatch(/^permissions:(?: \{\}|\n {2}contents: read)$/m);
        expect(text).not.toMatch(/: write(?!$)|contents: write|write-all|pull_request_target/m);
        for (const [uses = ''] of text.matchAll(/uses: (?!\.\/).*/g))
          expect(uses).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
        for (const [line = ''] of text.matchAll(/timeout-minutes.*/g)) expect(line).toMatch(/: \d+$/);
      }
    expect((await made())['ship-to-ecs']?.text).toContain('id-token: write');
    expect((await made(shop, { credentials: 'secrets' }))['ship-to-ecs']?.text).not.toContain('id-token');
    expect((await made(shop, { target: 'signalbox' }))['ship']?.text).not.toContain('id-token');
  });
});

describe('what is shipped', () => {
  it('is on main, and tested; a red or cancelled test ships nothing', async () => {
    const ship = (await made())['web']?.jobs['ship']?.['if'];
    expect(decide(ship, { needs: { test: 'success' } })).toBe(true);
    for (const test of ['failure', 'cancelled', 'skipped']) expect(decide(ship, { needs: { test } })).toBe(false);
    expect(decide(ship, { needs: { test: 'success' }, cancelled: true })).toBe(false);
    expect(decide(ship, { needs: { test: 'success' }, event: 'pull_request', ref: 'refs/pull/1/merge' })).toBe(false);
    expect(decide(ship, { needs: { test: 'success' }, event: 'workflow_dispatch', ref: 'refs/heads/other' })).toBe(false);
  });

  it('goes back without waiting for tests of what is not shipped', async () => {
    const back = { needs: { test: 'skipped' }, event: 'workflow_dispatch', sha: 'a'.repeat(40) };
    const { jobs } = (await made())['web'] ?? none;
    expect(decide(jobs['test']?.['if'], back)).toBe(false);
    expect(decide(jobs['ship']?.['if'], back)).toBe(true);
  });

  it('comes after the release command of the same folder, and not at all when that has failed', async () => {
    const { jobs } = (await made())['api'] ?? none;
    expect(Object.keys(jobs)).toEqual(['test', 'ship-api', 'ship-mailer']);
    expect(jobs['ship-api']?.['with']).toMatchObject({
      'release-seconds': 90,
      dockerfile: 'api/Dockerfile',
      service: 'shop-api',
    });
    const mailer = jobs['ship-mailer']?.['if'];
    expect(decide(mailer, { needs: { test: 'success', 'ship-api': 'success' } })).toBe(true);
    expect(decide(mailer, { needs: { test: 'success', 'ship-api': 'failure' } })).toBe(false);
  });

  it('is told to the CDN where it is what people see', async () => {
    const all = await made();
    expect(all['web']?.jobs['ship']?.['with']).toHaveProperty('frontend', true);
    expect(all['api']?.jobs['ship-api']?.['with']).not.toHaveProperty('frontend');
    expect(runs(all['docs'], 'ship').map((step) => (step as string[])[0])).toEqual([
      'Send the files to the bucket',
      'Throw away what the CDN keeps',
      'Summary',
    ]);
  });

  it('takes no text of the repository for an expression of GitHub', async () => {
    const { text } = (await made())['api'] ?? { text: '' };
    expect(text).toContain("node migrate.js --all $HOME ${{ '${{' }} secrets.X }}");
    expect(text.match(/\$\{\{ secrets\./g)).toBeNull();
  });

  it('waits for all tests where one Signalbox ships all services at once', async () => {
    const { ship } = await made(shop, { target: 'signalbox' });
    expect(ship?.jobs['ship']?.['needs']).toEqual(['test-web', 'test-api', 'test-jobs', 'test-docs']);
    expect(ship?.jobs['ship']?.['if']).not.toMatch(/always|cancelled|failure/);
  });
});
