import { describe, expect, test } from 'vitest';
import { initialFile } from '../../src/config/init.ts';
import { loadAppSpec } from '../../src/config/load.ts';
import { memoryReader } from './memory-reader.ts';

type Files = Readonly<Record<string, string>>;
const pkg = (content: object): string => JSON.stringify(content);
const express =
  "const app = require('express')();\napp.get('/healthz', (q, s) => s.send('ok'));\napp.listen(process.env.PORT || 3000);\n";

interface Kind {
  readonly files: Files;
  /** Service -> what is expected of it. */
  readonly expected: Readonly<Record<string, object>>;
}
const web = (expected: object): Kind['expected'] => ({ web: { kind: 'web', ...expected } });

const kinds: Readonly<Record<string, Kind>> = {
  'Express with a lock file': {
    files: {
      'package.json': pkg({ dependencies: { express: '4' }, scripts: { start: 'node server.js' } }),
      'package-lock.json': '{}',
      'server.js': express,
    },
    expected: web({
      build: 'npm ci',
      run: 'npm start',
      health: { path: '/healthz' },
      routes: [{ host: 'shop.localhost', path: '/' }],
    }),
  },
  'Express without a start script': {
    files: { 'package.json': pkg({ dependencies: { express: '4' }, main: 'index.js' }), 'src/app.js': express },
    expected: web({ build: 'npm install', run: 'node src/app.js' }),
  },
  'Node without any dependency': {
    files: {
      'package.json': pkg({ scripts: { start: 'node server.js' } }),
      'server.js': "require('http').createServer(f).listen(8080)",
    },
    expected: web({ run: 'npm start', health: { type: 'port' } }),
  },
  'a server without package.json': {
    files: { 'server.js': "require('http').createServer(f).listen(process.env.PORT)" },
    expected: web({ run: 'node server.js' }),
  },
  'NestJS with pnpm': {
    files: {
      'package.json': pkg({
        dependencies: { '@nestjs/core': '10' },
        scripts: { build: 'nest build', start: 'nest start', 'start:prod': 'node dist/main' },
      }),
      'pnpm-lock.yaml': '',
    },
    expected: web({ build: 'pnpm install --frozen-lockfile && pnpm run build', run: 'npm run start:prod' }),
  },
  'Next.js with yarn': {
    files: {
      'package.json': pkg({
        dependencies: { next: '14' },
        scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
      }),
      'yarn.lock': '',
      'app/api/health/route.ts': '',
    },
    expected: web({
      build: 'yarn install --frozen-lockfile && yarn run build',
      run: 'npm start',
      health: { path: '/api/health' },
    }),
  },
  'Next.js as an export': {
    files: {
      'package.json': pkg({ dependencies: { next: '14' }, scripts: { build: 'next build', start: 'next start' } }),
      'next.config.mjs': "export default { output: 'export' }",
    },
    expected: { web: { kind: 'static', static: { folder: 'out', spaFallback: false } } },
  },
  'a Vite page': {
    files: {
      'package.json': pkg({
        dependencies: { react: '18' },
        devDependencies: { vite: '5' },
        scripts: { dev: 'vite', build: 'vite build' },
      }),
      'package-lock.json': '{}',
      'index.html': '',
      'vite.config.js': "export default { build: { outDir: 'public_html' } }",
    },
    expected: { web: { kind: 'static', build: 'npm ci && npm run build', static: { folder: 'public_html', spaFallback: true } } },
  },
  'Create React App, whose warnings are no errors': {
    files: {
      'package.json': pkg({
        dependencies: { 'react-scripts': '5' },
        scripts: { start: 'react-scripts start', build: 'react-scripts build' },
      }),
    },
    expected: {
      web: { kind: 'static', build: 'npm install && CI=false npm run build', static: { folder: 'build', spaFallback: true } },
    },
  },
  Astro: {
    files: { 'package.json': pkg({ dependencies: { astro: '4' }, scripts: { start: 'astro dev', build: 'astro build' } }) },
    expected: { web: { kind: 'static', static: { folder: 'dist', spaFallback: false } } },
  },
  'Hono in TypeScript run by tsx': {
    files: {
      'package.json': pkg({
        dependencies: { hono: '4', '@hono/node-server': '1', tsx: '4' },
        scripts: { dev: 'tsx watch src/index.ts' },
      }),
      'src/index.ts': 'serve({ fetch: app.fetch, port: 3000 });',
    },
    expected: web({ run: 'npx tsx src/index.ts' }),
  },
  FastAPI: {
    files: { 'requirements.txt': 'fastapi\n', 'app/main.py': "app = FastAPI()\n@app.get('/health')\ndef h(): return {}\n" },
    expected: web({
      run: expect.stringContaining('python3 -m uvicorn app.main:app --host "$HOST" --port "$PORT"'),
      build: expect.stringContaining('-r requirements.txt uvicorn'),
      toolchain: ['python3'],
      health: { path: '/health' },
    }),
  },
  'Flask with a pyproject': {
    files: {
      'pyproject.toml': '[project]\nname = "x"\ndependencies = [\n  "flask>=3",\n]\n',
      'app.py': "app = Flask(__name__)\napp.config['UPLOAD_FOLDER'] = 'uploads'\n",
    },
    expected: web({
      run: expect.stringContaining("flask --app 'app:app' run"),
      build: expect.stringContaining("'flask>=3'"),
      persist: ['uploads'],
    }),
  },
  Django: {
    files: {
      'requirements.txt': 'django',
      'manage.py': "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 's')",
      'proj/wsgi.py': '',
    },
    expected: web({ run: expect.stringContaining('proj.wsgi:application') }),
  },
  'a Procfile': {
    files: {
      Procfile: 'web: node server.js\nworker: node work.js\nrelease: node migrate.js\n',
      'package.json': pkg({ dependencies: { pg: '8' } }),
      'package-lock.json': '{}',
      'server.js': express,
    },
    expected: {
      web: {
        kind: 'web',
        run: expect.stringContaining('node server.js'),
        release: { run: expect.stringContaining('node migrate.js') },
        health: { path: '/healthz' },
      },
      worker: { kind: 'worker', run: expect.stringContaining('node work.js'), build: 'npm ci' },
    },
  },
  'a Procfile with gunicorn, which would open its port before it knows that the app can be loaded': {
    files: { Procfile: 'web: gunicorn -w 2 app:app\n', 'app.py': 'def app(e, s): pass\n' },
    expected: web({ run: expect.stringContaining('; gunicorn --check-config -w 2 app:app && exec gunicorn -w 2 app:app') }),
  },
  'plain files': {
    files: { 'public/index.html': '', 'public/about.html': '', 'README.md': '' },
    expected: { web: { kind: 'static', static: { folder: 'public', spaFallback: false } } },
  },
  'frontend and backend': {
    files: {
      'frontend/package.json': pkg({ devDependencies: { vite: '5' }, scripts: { build: 'vite build' } }),
      'backend/package.json': pkg({ dependencies: { express: '4' }, scripts: { start: 'node server.js' } }),
      'backend/server.js': express,
      'README.md': '',
    },
    expected: {
      frontend: { kind: 'static', path: 'frontend', routes: [{ path: '/' }] },
      backend: { kind: 'web', path: 'backend', routes: [{ path: '/api' }] },
    },
  },
  'a workspace': {
    files: {
      'package.json': pkg({ workspaces: ['apps/*', 'packages/*'] }),
      'package-lock.json': '{}',
      'apps/site/package.json': pkg({
        name: 'site',
        dependencies: { next: '14' },
        scripts: { build: 'next build', start: 'next start' },
      }),
      'packages/ui/package.json': pkg({ name: 'ui', main: 'index.js' }),
      'packages/ui/index.js': 'module.exports = {}',
    },
    expected: { site: { kind: 'web', path: 'apps/site', build: 'npm ci && npm run build', routes: [{ path: '/' }] } },
  },
  'a program that only works': {
    files: {
      'package.json': pkg({ dependencies: { 'node-cron': '3' }, scripts: { start: 'node work.js' } }),
      'work.js': 'cron.schedule()',
    },
    expected: { worker: { kind: 'worker', run: 'npm start' } },
  },
};

describe.each(Object.entries(kinds))('%s', (_, { files, expected }) => {
  test('is recognised', async () => {
    const { spec, origin } = await loadAppSpec(memoryReader(files));
    expect(origin).toBe('detected');
    expect(Object.keys(spec.services).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, service] of Object.entries(expected)) expect(spec.services[name]).toMatchObject(service);
  });

  test('gets a file that says the same', async () => {
    const written = await initialFile(memoryReader(files));
    const fromFile = await loadAppSpec(memoryReader({ ...files, 'signalbox.yaml': written.text }));
    expect(fromFile.origin).toBe('file');
    expect(fromFile.spec).toEqual((await loadAppSpec(memoryReader(files))).spec);
    expect(written.explanation.length).toBeGreaterThan(0);
  });
});

test('what is seen is shown with file and line', async () => {
  const { explanation } = await initialFile(
    memoryReader({
      'package.json': pkg({ dependencies: { express: '4' } }),
      'server.js': "const app = e();\napp.get('/health', h);\napp.listen(3000);\n",
    }),
  );
  expect(explanation).toContain('server.js:2  health check /health');
  expect(explanation.join('\n')).toMatch(/server\.js:3 {2}note: the port 3000 seems to be fixed/);
});

test('a health route behind a mounted prefix is not believed, since a wrong path would fail every deploy', async () => {
  const files = {
    'package.json': pkg({ dependencies: { express: '4' }, scripts: { start: 'node server.js' } }),
    'server.js': "app.use('/api', require('./routes'));\napp.listen(process.env.PORT);",
    'routes.js': "app.get('/health', h);",
  };
  expect((await loadAppSpec(memoryReader(files))).spec.services.web?.health.type).toBe('port');
});

test('an upload folder with committed files is noted, not hidden by an empty one', async () => {
  const files = {
    'package.json': pkg({ dependencies: { express: '4' }, scripts: { start: 'node s.js' } }),
    's.js': "multer({ dest: 'uploads/' }); app.listen(process.env.PORT)",
    'uploads/a.png': '',
  };
  expect((await loadAppSpec(memoryReader(files))).spec.services.web?.persist).toEqual([]);
  expect((await initialFile(memoryReader(files))).explanation.join('\n')).toContain('note: the app seems to write to uploads');
});

test('a repository without any app is refused with what was looked for', async () => {
  for (const files of [
    { 'README.md': '' },
    { 'package.json': pkg({ main: 'index.js' }), 'index.js': 'module.exports = 1' },
    { 'package.json': '{broken' },
  ])
    await expect(loadAppSpec(memoryReader(files as Files))).rejects.toMatchObject({ code: 'NOTHING_DETECTED' });
});

test('a file without services keeps its own words and gets the detected services', async () => {
  const { spec } = await loadAppSpec(
    memoryReader({
      ...kinds['Express with a lock file']?.files,
      'signalbox.yaml': 'app: named\nstrategy: rolling\nsmoke: [/healthz]\n',
    }),
  );
  expect(spec).toMatchObject({
    app: 'named',
    strategy: { type: 'rolling' },
    smoke: [{ path: '/healthz' }],
    services: { web: { run: 'npm start' } },
  });
});

test('the file that init writes', async () => {
  const { text } = await initialFile(memoryReader(kinds['frontend and backend']?.files ?? {}));
  expect(text).toMatchInlineSnapshot(`
    "# What runs, how it is built and where it answers. Without this file the same is detected.

    app: shop
    services:
      frontend:
        path: frontend
        # makes the artifact; runs once per change of its inputs
        build: npm install && npm run build
        # served by Signalbox itself
        static: { folder: dist, spaFallback: true }
        route: { path: / }
      backend:
        path: backend
        build: npm install
        # gets PORT and HOST
        run: npm start
        # only 2xx is healthy
        health: /healthz
        route: { path: /api }
    "
  `);
});
