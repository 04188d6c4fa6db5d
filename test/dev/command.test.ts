import { describe, expect, test } from 'vitest';
import { appSchema } from '../../src/config/schema.ts';
import { complete } from '../../src/config/complete.ts';
import { readPackageJson } from '../../src/config/detect/package-json.ts';
import { type DevPlan, type FolderFacts, installOf, planDevelopment, withoutInstall } from '../../src/dev/command.ts';
import type { AppName } from '../../src/domain/values.ts';

interface Given {
  readonly service: Record<string, unknown>;
  readonly package?: { scripts?: Record<string, string>; dependencies?: Record<string, string> };
  readonly files?: readonly string[];
  readonly manager?: FolderFacts['manager'];
  readonly procfile?: Record<string, string>;
}

async function planOf({ service, package: manifest, files = [], manager = 'npm', procfile = {} }: Given): Promise<DevPlan> {
  const spec = complete(appSchema.parse({ services: { web: service } }), { app: 'shop' as AppName, singlePage: {} });
  const web = spec.services['web'];
  if (web === undefined) throw new Error('no service');
  const text = manifest === undefined ? null : JSON.stringify(manifest);
  const read = await readPackageJson({
    path: '.',
    files: [],
    has: () => text !== null,
    read: () => Promise.resolve(text),
    fromRoot: (file) => file,
  });
  return planDevelopment(web, { manifest: read, manager, has: (file) => files.includes(file), procfile });
}

const web = (run: string, more: Record<string, unknown> = {}) => ({ run, route: '/', ...more });
const on = (name: string): Record<string, string> => ({ [name]: '1' });

describe('the command for development', () => {
  test('a service that only its image can start keeps the program of the image', async () => {
    const given = { image: 'axllent/mailpit:v1.21', port: 8025, route: '/' };
    expect(await planOf({ service: given })).toMatchObject({ run: '', port: 8025, reloads: true });
    expect(await planOf({ service: { dockerfile: 'Dockerfile', route: '/' } })).toMatchObject({ run: '', reloads: false });
  });

  test.each<[string, Given, string, boolean]>([
    [
      'Next.js by its script',
      { service: web('npm start'), package: { scripts: { dev: 'next dev' }, dependencies: on('next') } },
      'npm run dev -- -p "$PORT" -H "$HOST"',
      true,
    ],
    [
      'Next.js with variables in front',
      {
        service: web('npm start'),
        package: { scripts: { dev: 'NEXT_TELEMETRY_DISABLED=1 next dev --turbo' }, dependencies: on('next') },
      },
      'npm run dev -- -p "$PORT" -H "$HOST"',
      true,
    ],
    [
      'Next.js without a script',
      { service: web('npm start'), package: { scripts: { start: 'next start' }, dependencies: on('next') } },
      'next dev -p "$PORT" -H "$HOST"',
      true,
    ],
    [
      'a script with a port of its own',
      { service: web('npm start'), package: { scripts: { dev: 'next dev -p 3001' }, dependencies: on('next') } },
      'next dev -p "$PORT" -H "$HOST"',
      true,
    ],
    [
      'Vite',
      {
        service: { static: 'dist', build: 'npm ci && npm run build', route: '/' },
        package: { scripts: { dev: 'vite', build: 'vite build' }, dependencies: on('vite') },
      },
      'npm run dev -- --port "$PORT" --strictPort --host "$HOST"',
      true,
    ],
    [
      'Vite by pnpm',
      {
        service: { static: 'dist', build: 'pnpm build', route: '/' },
        manager: 'pnpm',
        package: { scripts: { dev: 'vite' }, dependencies: on('vite') },
      },
      'pnpm run dev --port "$PORT" --strictPort --host "$HOST"',
      true,
    ],
    [
      'Vite without a script',
      { service: { static: 'dist', build: 'npx vite build', route: '/' }, package: { dependencies: on('vite') } },
      'vite --port "$PORT" --strictPort --host "$HOST"',
      true,
    ],
    [
      'Create React App',
      {
        service: { static: 'build', build: 'npm run build', route: '/' },
        package: { scripts: { start: 'react-scripts start', build: 'react-scripts build' }, dependencies: on('react-scripts') },
      },
      'npm run start',
      true,
    ],
    [
      'Astro',
      {
        service: { static: 'dist', build: 'npm run build', route: '/' },
        package: { scripts: { dev: 'astro dev' }, dependencies: on('astro') },
      },
      'npm run dev -- --port "$PORT" --host "$HOST"',
      true,
    ],
    [
      'SvelteKit',
      {
        service: web('node build'),
        package: { scripts: { dev: 'vite dev' }, dependencies: { ...on('vite'), ...on('@sveltejs/kit') } },
      },
      'npm run dev -- --port "$PORT" --strictPort --host "$HOST"',
      true,
    ],
    [
      'several programs at once',
      { service: web('npm start'), package: { scripts: { dev: 'concurrently "tsc -w" "node --watch ."' } } },
      'npm run dev',
      true,
    ],
    ['nodemon', { service: web('node server.js'), package: { scripts: { dev: 'nodemon server.js' } } }, 'npm run dev', true],
    [
      'a dev script that is a plain program',
      { service: web('node server.js'), package: { scripts: { dev: 'node server.js' } } },
      'npm run dev',
      false,
    ],
    [
      'tsx watch',
      { service: web('node dist/server.js'), package: { scripts: { dev: 'tsx watch src/server.ts' } } },
      'npm run dev',
      true,
    ],
    [
      'NestJS by its script',
      {
        service: web('node dist/main.js'),
        package: { scripts: { 'start:dev': 'nest start --watch' }, dependencies: on('@nestjs/core') },
      },
      'npm run start:dev',
      true,
    ],
    [
      'NestJS by its command line',
      { service: web('node dist/main.js'), package: { dependencies: { ...on('@nestjs/core'), ...on('@nestjs/cli') } } },
      'nest start --watch --preserveWatchOutput',
      true,
    ],
    [
      'plain Node',
      { service: web('node server.js'), files: ['server.js'], package: { dependencies: on('express') } },
      'node server.js',
      false,
    ],
    [
      'plain Node by its start script',
      { service: web('npm start'), files: ['server.js'], package: { scripts: { start: 'node server.js' } } },
      'npm start',
      false,
    ],
    [
      'a server of its own around Next.js',
      { service: web('node server.js'), files: ['server.js'], package: { dependencies: on('next') } },
      'node server.js',
      false,
    ],
    [
      'TypeScript by tsx',
      { service: web('node dist/server.js'), files: ['src/server.ts'], package: { dependencies: on('tsx') } },
      'tsx src/server.ts',
      false,
    ],
    [
      'uvicorn',
      { service: web('PATH="$PWD/.venv/bin:$PATH" exec python3 -m uvicorn app.main:app --host "$HOST" --port "$PORT"') },
      'export PATH="$PWD/.venv/bin:$PATH"; exec python3 -m uvicorn app.main:app --host "$HOST" --port "$PORT"',
      false,
    ],
    [
      'Flask',
      { service: web('exec python3 -m flask --app \'app:app\' run --host "$HOST" --port "$PORT"') },
      'export PATH="$PWD/.venv/bin:$PATH"; exec python3 -m flask --app \'app:app\' run --debug --host "$HOST" --port "$PORT"',
      true,
    ],
    [
      'Django',
      { service: web('gunicorn shop.wsgi || exec python3 manage.py runserver --noreload "$HOST:$PORT"') },
      'export PATH="$PWD/.venv/bin:$PATH"; exec python3 manage.py runserver "$HOST:$PORT"',
      true,
    ],
    [
      'Procfile.dev',
      { service: web('node server.js'), procfile: { web: 'bin/rails server -p $PORT' } },
      'bin/rails server -p $PORT',
      true,
    ],
    [
      'dev in signalbox.yaml',
      { service: web('node server.js', { dev: 'make watch' }), package: { scripts: { dev: 'x' } } },
      'make watch',
      true,
    ],
    ['dev with watch', { service: web('node server.js', { dev: { run: 'node x.js', watch: true } }) }, 'node x.js', false],
    ['anything else', { service: web('./server') }, './server', false],
    [
      'a dev script that starts containers',
      { service: web('node server.js'), files: ['server.js'], package: { scripts: { dev: 'docker compose up' } } },
      'node server.js',
      false,
    ],
  ])('%s', async (_name, given, run, reloads) => {
    expect(await planOf(given)).toMatchObject({ kind: 'command', run, reloads });
  });

  test('plain files are served, built ones are built again', async () => {
    expect(await planOf({ service: { static: 'site', route: '/' } })).toMatchObject({ kind: 'files', folder: 'site' });
    expect(await planOf({ service: { static: 'out', build: 'npm ci && hugo', route: '/' } })).toMatchObject({ prepare: 'hugo' });
  });

  test('what is compiled is compiled again before each start', async () => {
    const plan = await planOf({
      service: web('node dist/main.js', { build: 'npm ci && npm run build' }),
      package: { scripts: { build: 'tsc' }, dependencies: on('@nestjs/core') },
    });
    expect(plan).toMatchObject({ run: 'node dist/main.js', prepare: 'npm run build', reloads: false });
  });

  test.each([
    ['npm ci && npm run build', 'npm ci', 'npm run build'],
    ['npm ci', 'npm ci', undefined],
    ['npm run build', undefined, 'npm run build'],
    ['yarn && yarn build', 'yarn', 'yarn build'],
    ['yarn install --immutable && yarn build', 'yarn install --immutable', 'yarn build'],
    [
      'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
      'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
      undefined,
    ],
    [
      'npm install --omit=dev && npx prisma generate && npm run build',
      'npm install --omit=dev',
      'npx prisma generate && npm run build',
    ],
  ])('the build %s is taken apart', (build, install, rest) => {
    expect(installOf(build)).toBe(install);
    expect(withoutInstall(build)).toBe(rest);
  });
});
