import { describe, expect, test } from 'vitest';
import { initialFile } from '../../src/config/init.ts';
import { loadAppSpec } from '../../src/config/load.ts';
import { memoryReader } from './memory-reader.ts';

const pkg = (content: object): string => JSON.stringify(content);
const services = async (files: Readonly<Record<string, string>>) => (await loadAppSpec(memoryReader(files))).spec.services;
const explained = async (files: Readonly<Record<string, string>>): Promise<string> =>
  (await initialFile(memoryReader(files))).explanation.join('\n');

describe('a start script', () => {
  const withStart = (start: string, more: object = {}): Record<string, string> => ({
    'package.json': pkg({ dependencies: { next: '14' }, scripts: { build: 'next build', start, ...more } }),
  });

  test('with a port of its own gets PORT in its place, and init says so', async () => {
    expect(await services(withStart('next start -p 3000'))).toMatchObject({ web: { run: 'next start -p "$PORT"' } });
    expect(await services(withStart('NODE_ENV=production PORT=8081 node server.js'))).toMatchObject({
      web: { run: 'NODE_ENV=production node server.js' },
    });
    expect(await services(withStart('serve -s build -l 5000'))).toMatchObject({ web: { run: 'serve -s build -l "$PORT"' } });
    expect(await explained(withStart('next start --port=3000'))).toContain('the start script has the port 3000 in it');
  });

  test('that names other scripts by a package manager which is not there at run time has them run by npm', async () => {
    const files = withStart('yarn migrate && yarn run serve --quiet', { migrate: 'node m.js', serve: 'node s.js' });
    expect(await services(files)).toMatchObject({ web: { run: 'npm run migrate && npm run serve -- --quiet' } });
  });

  test('is left to npm when it has nothing of that, or scripts around it', async () => {
    expect(await services(withStart('node server.js -p x'))).toMatchObject({ web: { run: 'npm start' } });
    expect(await services(withStart('next start -p 3000', { prestart: 'node m.js' }))).toMatchObject({
      web: { run: 'npm start' },
    });
  });

  test('that reads a file of variables which is not committed gets an empty one, and init says so', async () => {
    const files = {
      'package.json': pkg({ dependencies: { express: '4' }, scripts: { start: 'node --env-file=.env server.js' } }),
      'server.js': 'app.listen(process.env.PORT)',
    };
    expect(await services(files)).toMatchObject({ web: { build: 'npm install && touch .env', run: 'npm start' } });
    expect(await explained(files)).toContain('.env, which is not in the repository');
    expect(await services({ ...files, '.env': 'A=1' })).toMatchObject({ web: { build: 'npm install' } });
  });
});

describe('a build', () => {
  test('with a bundler of the webpack 4 age allows its hashes; a newer one does not', async () => {
    const files = (version: string): Record<string, string> => ({
      'package.json': pkg({ devDependencies: { '@vue/cli-service': version }, scripts: { build: 'vue-cli-service build' } }),
    });
    expect(await services(files('~4.5.0'))).toMatchObject({
      web: { build: 'npm install && NODE_OPTIONS=--openssl-legacy-provider npm run build' },
    });
    expect(await services(files('^5.0.8'))).toMatchObject({ web: { build: 'npm install && npm run build' } });
  });

  test('that goes into another folder allows what the bundler there needs', async () => {
    const files = {
      'package.json': pkg({
        dependencies: { express: '4' },
        scripts: { build: 'cd react-ui/ && npm install && npm run build', start: 'node server' },
      }),
      'react-ui/package.json': pkg({ dependencies: { 'react-scripts': '3.2.0' } }),
    };
    expect(await services(files)).toMatchObject({
      web: { build: 'npm install && CI=false NODE_OPTIONS=--openssl-legacy-provider npm run build' },
    });
  });

  test('made for hosts wins over the ordinary one', async () => {
    const files = {
      'package.json': pkg({
        dependencies: { express: '4' },
        scripts: { build: 'echo', 'heroku-postbuild': 'cd client && npm i && npm run build', start: 'node s.js' },
      }),
    };
    expect(await services(files)).toMatchObject({ web: { build: 'npm install && npm run heroku-postbuild', run: 'npm start' } });
  });
});

test('a command-line program beside an app is no worker, since it ends by itself', async () => {
  const files = {
    'package.json': pkg({ workspaces: ['apps/*'] }),
    'apps/api/package.json': pkg({ dependencies: { hono: '4' }, scripts: { start: 'node server.js' } }),
    'apps/cli/package.json': pkg({ dependencies: { commander: '12' }, scripts: { start: 'node cli.js' } }),
    'apps/jobs/package.json': pkg({ dependencies: { bullmq: '5' }, scripts: { start: 'node jobs.js' } }),
  };
  const found = await services(files);
  expect(Object.keys(found).sort()).toEqual(['api', 'jobs']);
  expect(found.jobs?.kind).toBe('worker');
});

test('a repository with nothing but a Dockerfile is told that it was not used', async () => {
  await expect(loadAppSpec(memoryReader({ Dockerfile: 'FROM scratch' }))).rejects.toThrow(/Dockerfile was not used/);
});

describe('a framework', () => {
  const kit = (adapter: string): Record<string, string> => ({
    'package.json': pkg({
      devDependencies: { '@sveltejs/kit': '2', vite: '6', [adapter]: '5' },
      scripts: { dev: 'vite dev', build: 'vite build', preview: 'vite preview' },
    }),
  });

  test('that makes a server of its own is a web service, though its source opens no port', async () => {
    expect(await services(kit('@sveltejs/adapter-node'))).toMatchObject({
      web: { kind: 'web', run: 'node build', routes: [{ path: '/' }] },
    });
    const astro = {
      'package.json': pkg({ dependencies: { astro: '5', '@astrojs/node': '9' }, scripts: { build: 'astro build' } }),
    };
    expect(await services(astro)).toMatchObject({ web: { kind: 'web', run: 'node dist/server/entry.mjs' } });
  });

  test('whose adapter makes neither a server nor files is served by its preview, and init says what is meant for it', async () => {
    expect(await services(kit('@sveltejs/adapter-auto'))).toMatchObject({
      web: { kind: 'web', run: 'npx vite preview --host "$HOST" --port "$PORT" --strictPort' },
    });
    expect(await explained(kit('@sveltejs/adapter-auto'))).toContain('@sveltejs/adapter-node is meant for this');
    expect(await services(kit('@sveltejs/adapter-static'))).toMatchObject({
      web: { kind: 'static', static: { folder: 'build' } },
    });
  });

  test('is not an export because of a line that is commented out', async () => {
    const files = (config: string): Record<string, string> => ({
      'package.json': pkg({ dependencies: { next: '15' }, scripts: { build: 'next build', start: 'next start' } }),
      'next.config.mjs': config,
    });
    for (const config of ["export default {\n  // output: 'export',\n};", "export default { /* output: 'export' */ };"])
      expect(await services(files(config))).toMatchObject({ web: { kind: 'web', run: 'npm start' } });
    expect(await services(files("const u = 'https://a.example'; export default { output: 'export' };"))).toMatchObject({
      web: { kind: 'static' },
    });
  });
});
