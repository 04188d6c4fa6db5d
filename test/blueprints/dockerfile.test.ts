import { describe, expect, it } from 'vitest';
import { startCommand, withoutManager } from '../../src/blueprints/image/start-command.ts';
import { nodeMajor, pythonMinor } from '../../src/blueprints/image/versions.ts';
import { dockerfileOf, packageJson } from './repositories.ts';

const yaml = (text: string): string => `services:\n  web:\n${text.replace(/^/gm, '    ')}\n`;
const server = { 'server.js': "require('http').createServer().listen(process.env.PORT ?? 4100)" };

describe('a Dockerfile for Node', () => {
  const app = {
    ...server,
    'package.json': packageJson({
      scripts: { start: 'node server.js' },
      dependencies: { express: '5.0.0' },
      devDependencies: { eslint: '9.0.0' },
      engines: { node: '>=22' },
    }),
    'package-lock.json': '{}',
    '.npmrc': '',
    'signalbox.yaml': yaml('build: npm ci && npm run build\nrun: npm start\nhealth: /up\nroute: /\npersist: [uploads]'),
  };

  it('installs in a layer of its own before the source is there', async () => {
    const lines = (await dockerfileOf(app)).split('\n');
    const at = (line: string): number => lines.indexOf(line);
    expect(at('COPY .npmrc package-lock.json package.json ./')).toBeGreaterThan(0);
    expect(at('RUN npm ci')).toBe(at('COPY .npmrc package-lock.json package.json ./') + 1);
    expect(at('COPY . .')).toBe(at('RUN npm ci') + 1);
    expect(at('RUN npm run build')).toBe(at('COPY . .') + 1);
  });

  it('starts the server itself, as a user by number, without development packages', async () => {
    const text = await dockerfileOf(app);
    expect(text).toContain('ARG BASE=node:22-bookworm-slim\n');
    expect(text).toContain('\nRUN npm prune --omit=dev --no-audit --no-fund\n');
    expect(text).toContain('\nUSER 1000:1000\n');
    expect(text).toContain('\nEXPOSE 4100\n');
    expect(text).toContain('RUN mkdir -p /app /app/uploads && chown -R 1000:1000 /app\n');
    expect(text).toContain(`fetch('http://127.0.0.1:'+(process.env.PORT||4100)+'/up',{redirect:'manual'})`);
    expect(text).toContain('\nCMD ["node", "server.js"]\n');
    expect(text.trimEnd().endsWith('\nCOPY --from=build --chown=1000:1000 /app/ /app/')).toBe(true);
    expect(text).not.toMatch(/latest|curl|--mount/);
  });

  it('uses cache mounts and another base when told to', async () => {
    const text = await dockerfileOf(app, 'web', { cacheMounts: true, base: 'node@sha256:0123' });
    expect(text).toContain('ENV npm_config_cache=/var/cache/npm\n');
    expect(text).toContain('RUN --mount=type=cache,target=/var/cache/npm npm ci');
    expect(text).not.toContain('/root');
    expect(text).toContain('ARG BASE=node@sha256:0123\n');
  });

  it.each([
    [
      'a command needs them',
      { scripts: { start: 'tsx server.ts' }, devDependencies: { tsx: '4' } },
      {},
      'tsx is started in production',
    ],
    [
      'code imports them',
      { scripts: { start: 'node server.js' }, devDependencies: { ws: '8' } },
      { 'bus.js': "import ws from 'ws'" },
      'bus.js imports ws',
    ],
    [
      'Next reads its settings with TypeScript',
      { scripts: { start: 'next start' }, dependencies: { next: '16' }, devDependencies: { typescript: '5' } },
      { 'next.config.ts': '' },
      'next.config.ts is read in production',
    ],
  ])('keeps development packages where %s', async (_why, manifest, more, note) => {
    const text = await dockerfileOf({ ...app, 'package.json': packageJson(manifest), ...more });
    expect(text).toContain(`# All packages stay: ${note}.`);
    expect(text).not.toContain('prune');
  });

  it('leaves logins of registries out of the last stage', async () => {
    const [build = '', last = ''] = (await dockerfileOf(app)).split('FROM ${BASE}');
    expect(build.trimEnd().endsWith('RUN rm -f /app/.npmrc')).toBe(true);
    expect(last).toContain('COPY --from=build --chown=1000:1000 /app/ /app/\n');
  });

  it('gives the variables of the build to its install too, but not those of pages', async () => {
    const text = await dockerfileOf({
      ...app,
      'signalbox.yaml': yaml(
        'build: npm ci && npm run build\nrun: npm start\nroute: /\nbuildEnv: { PUPPETEER_SKIP_DOWNLOAD: "1", VITE_TITLE: shop }',
      ),
    });
    const lines = text.split('\n');
    expect(lines.indexOf('ENV PUPPETEER_SKIP_DOWNLOAD=1')).toBeLessThan(lines.indexOf('RUN npm ci'));
    expect(lines.indexOf('ENV PUPPETEER_SKIP_DOWNLOAD=1')).toBeGreaterThan(0);
    expect(lines.indexOf('ENV VITE_TITLE=shop')).toBe(lines.indexOf('COPY . .') + 1);
  });

  it('has its files last, so that a changed one makes nothing else anew; services of one folder share them', async () => {
    const manifest = packageJson({ scripts: { start: 'MODE=web node server.js' }, dependencies: { express: '5' } });
    const copy = 'COPY --from=build --chown=1000:1000 /app/ /app/';
    const alone = await dockerfileOf({ ...app, 'package.json': manifest });
    expect(alone.split(copy)).toEqual([expect.stringMatching(/ENV PORT=4100 \\\n {4}MODE=web\n[\s\S]*CMD /), '\n']);
    const two = `${app['signalbox.yaml']}\n  mailer: { run: node mailer.js }\n`;
    const [before = '', after = ''] = (await dockerfileOf({ ...app, 'package.json': manifest, 'signalbox.yaml': two })).split(
      copy,
    );
    expect(after).toMatch(/^\nENV PORT=4100 \\\n {4}MODE=web\n[\s\S]*CMD /);
    expect(before.slice(before.indexOf('FROM ${BASE}'))).not.toMatch(/4100|MODE|CMD/);
  });

  describe('with packages that Yarn leaves packed', () => {
    const packed = (manifest: Readonly<Record<string, unknown>>) =>
      dockerfileOf({
        ...server,
        'package.json': packageJson({ packageManager: 'yarn@4.9.4', dependencies: { express: '5' }, ...manifest }),
        'yarn.lock': '__metadata:\n  version: 8\n',
        'signalbox.yaml': yaml('build: yarn install --immutable\nrun: yarn start\nroute: /'),
      });

    it('keeps them beside the app and tells Node where they are', async () => {
      const text = await packed({ scripts: { start: 'node server.js' } });
      expect(text).toContain('RUN YARN_ENABLE_GLOBAL_CACHE=false yarn install --immutable\n');
      expect(text).toContain('NODE_OPTIONS="--require /app/.pnp.cjs"');
      expect(text).not.toContain('node_modules/.bin');
      expect(text).toContain('CMD ["node", "server.js"]');
    });

    it.each([
      ['a program of a package', { scripts: { start: 'A=b next start' } }, 'CMD ["yarn", "next", "start"]'],
      ['ES modules', { type: 'module', scripts: { start: 'node server.js' } }, 'CMD ["yarn", "node", "server.js"]'],
    ])('has Yarn start %s', async (_, manifest, start) => {
      const text = await packed(manifest);
      const [, last = ''] = text.split('FROM ${BASE}');
      expect(last).toContain('RUN npm install --global --no-fund @yarnpkg/cli-dist@4.9.4\n');
      expect(text).toContain(start);
      expect(text).not.toContain('NODE_OPTIONS');
    });
  });

  it('takes types alone for no need of a development package', async () => {
    const manifest = packageJson({ scripts: { start: 'node server.js' }, devDependencies: { express: '5' } });
    const text = await dockerfileOf({ ...app, 'package.json': manifest, 'types.ts': "import type { Request } from 'express'" });
    expect(text).toContain('npm prune');
  });

  it('copies the whole source first where scripts of the install need it', async () => {
    const manifest = packageJson({
      scripts: { start: 'node server.js', postinstall: 'node tools/fetch.js' },
      dependencies: { a: '1' },
    });
    const text = await dockerfileOf({ ...app, 'package.json': manifest });
    expect(text).toMatch(/COPY \. \.\nRUN npm ci\n/);
    expect(text).not.toContain('COPY .npmrc');
  });

  it('copies what known scripts of the install need', async () => {
    const manifest = packageJson({
      scripts: { start: 'node server.js', postinstall: 'patch-package', prepare: 'husky' },
      dependencies: { a: '1' },
    });
    const text = await dockerfileOf({ ...app, 'package.json': manifest, 'patches/a+1.patch': '' });
    expect(text).toContain('COPY patches ./patches/\n');
  });

  it('builds a part of a workspace from its root, with every manifest in its place', async () => {
    const text = await dockerfileOf({
      'package.json': packageJson({ workspaces: ['apps/*', 'packages/*'] }),
      'pnpm-lock.yaml': "lockfileVersion: '9.0'\n",
      'apps/shop/package.json': packageJson({ scripts: { start: 'node server.js' }, dependencies: { kit: 'workspace:*' } }),
      'apps/shop/server.js': server['server.js'],
      'packages/kit/package.json': packageJson({ name: 'kit' }),
      'signalbox.yaml': yaml(
        'path: apps/shop\nbuild: pnpm install --frozen-lockfile && pnpm run build\nrun: pnpm start\nroute: /',
      ),
    });
    expect(text).toContain('RUN npm install --global --no-fund pnpm@9\n');
    expect(text).toContain(
      'COPY package.json pnpm-lock.yaml ./\nCOPY apps/shop/package.json ./apps/shop/\nCOPY packages/kit/package.json ./packages/kit/\n',
    );
    expect(text).toContain('WORKDIR /app/apps/shop\nRUN pnpm run build\n');
    expect(text).not.toContain('prune');
    expect(text).toContain('CMD ["node", "server.js"]');
  });

  it('tells Next.js to listen on all addresses and finds its program', async () => {
    const text = await dockerfileOf({
      ...app,
      'package.json': packageJson({ scripts: { start: 'NEXT_TELEMETRY_DISABLED=1 next start' }, dependencies: { next: '16' } }),
      'server.js': '',
    });
    expect(text).toContain('HOSTNAME=0.0.0.0');
    expect(text).toContain('NEXT_TELEMETRY_DISABLED=1');
    expect(text).toContain('ENV PATH=/app/node_modules/.bin:$PATH\n');
    expect(text).toContain('EXPOSE 3000');
    expect(text).toContain('CMD ["next", "start"]');
  });

  it('carries variables of the build whole, whatever is in them', async () => {
    const text = await dockerfileOf({
      ...app,
      'signalbox.yaml': yaml(
        `build: npm ci && npm run build\nrun: npm start\nroute: /\nbuildEnv: { A: 'say "$HOME"', B: "two\\nlines'" }`,
      ),
    });
    expect(text).toContain('ENV A="say \\"\\$HOME\\""\n');
    expect(text).toContain(`RUN ["/bin/sh","-c","export B='two\\nlines'\\\\'''\\nnpm run build"]`);
  });
});

describe('a Dockerfile for Python', () => {
  it('carries a virtual environment and starts the server that was missing', async () => {
    const text = await dockerfileOf({
      'requirements.txt': 'flask==3.0\n',
      'app.py': "from flask import Flask\napp = Flask(__name__)\n@app.route('/health')\ndef h(): return 'ok'\n",
      '.python-version': '3.11.4\n',
    });
    expect(text).toContain('ARG BASE=python:3.11-slim-bookworm\n');
    expect(text).toContain('COPY requirements.txt ./\nRUN pip install -r requirements.txt gunicorn\n');
    expect(text).toContain('COPY --from=build /opt/venv /opt/venv\n');
    expect(text).toContain('CMD ["/bin/sh", "-c", "python3 -m gunicorn --check-config');
    expect(text).toContain('&& exec python3 -m gunicorn');
    expect(text).not.toContain('.venv/bin');
    expect(text).toContain('HTTPConnection(');
  });

  it('installs by the lock file of poetry or uv', async () => {
    const app = {
      'main.py': 'from fastapi import FastAPI\napp = FastAPI()\n',
      'pyproject.toml': '[project]\ndependencies = ["fastapi"]\n',
    };
    const file = { 'signalbox.yaml': yaml('run: uv run uvicorn main:app --host 0.0.0.0 --port $PORT\nroute: /') };
    const uv = await dockerfileOf({ ...app, ...file, 'uv.lock': 'name = "uvicorn"' });
    expect(uv).toContain('uv sync --frozen --no-dev');
    expect(uv).toContain('CMD ["/bin/sh", "-c", "exec uvicorn main:app --host 0.0.0.0 --port $PORT"]');
    const poetry = await dockerfileOf({ ...app, ...file, 'poetry.lock': '' });
    expect(poetry).toContain('poetry install --only main --no-root --no-interaction && pip install uvicorn');
  });
});

describe('a Dockerfile for files', () => {
  it('serves what is built, with a cache policy and no hidden files', async () => {
    const text = await dockerfileOf({
      'package.json': packageJson({ scripts: { build: 'vite build' }, devDependencies: { vite: '7' } }),
      'package-lock.json': '{}',
      'signalbox.yaml': yaml('build: npm ci && npm run build\nstatic: dist'),
    });
    expect(text).toContain('ARG BUILD_BASE=node:20-bookworm-slim\n');
    expect(text).toContain('COPY --from=build /app/dist/ /srv/\n');
    expect(text).toContain('respond @hidden 404');
    expect(text).toContain('rewrite @page /index.html');
    expect(text).not.toContain('prune');
  });
});

it('says plainly when the stack is none that it knows', async () => {
  await expect(
    dockerfileOf({ 'main.go': '', 'signalbox.yaml': yaml('run: ./server\nbuild: go build -o server\nroute: /') }),
  ).rejects.toMatchObject({
    code: 'NO_DOCKERFILE_FOR_STACK',
  });
});

describe('a start command', () => {
  it.each([
    ['npm start', { start: 'node a.js' }, 'node a.js'],
    ['npm run serve -- --port 1', { serve: 'next start' }, 'next start --port 1'],
    ['yarn start', { start: 'npm run real', real: 'node b.js' }, 'node b.js'],
    ['npm start', { start: 'node a.js', prestart: 'node check.js' }, 'npm start'],
    ['npm start', { start: 'node -p "$npm_package_version"' }, 'npm start'],
    ['npm run gone', {}, 'npm run gone'],
    ['npm start', { start: 'npm start' }, 'npm start'],
    ['pnpm exec next', { exec: 'x' }, 'pnpm exec next'],
  ])('%s with %o is %s', (run, scripts, expected) => {
    expect(withoutManager(run, scripts)).toBe(expected);
  });

  it.each([
    ['node server.js', {}, { words: ['node', 'server.js'] }],
    ['A=1 B=\'x y\' node "my app.js"', { A: '1', B: 'x y' }, { words: ['node', 'my app.js'] }],
    ['cross-env A=1 node x', { A: '1' }, { words: ['node', 'x'] }],
    ['next start -p "$PORT"', {}, { shell: 'exec next start -p "$PORT"' }],
    ['cd dist && A=$B node x', {}, { shell: 'cd dist && A=$B exec node x' }],
    ['node a 2>&1', {}, { shell: 'exec node a 2>&1' }],
    ['node a & node b', {}, { shell: 'node a & node b' }],
    ['if x; then a; fi', {}, { shell: 'if x; then a; fi' }],
    ['echo "a && b" && node x', {}, { shell: 'echo "a && b" && exec node x' }],
    ['(cd a; node b)', {}, { shell: '(cd a; node b)' }],
  ])('%s is started so that signals reach it', (line, env, start) => {
    expect(startCommand(line)).toEqual({ env, start });
  });
});

it.each([
  [undefined, '>=20.9', '20'],
  [undefined, '^22.1.0 || >=24', '22'],
  [undefined, '>=18 <21', '20'],
  [undefined, '24.x', '24'],
  [undefined, undefined, '20'],
  [undefined, '18', '20'],
  ['v22.3.0\n', '>=20', '22'],
  ['lts/krypton', undefined, '24'],
])('.nvmrc %j and engines %j make Node %s', (pinned, engines, expected) => {
  expect(nodeMajor({ pinned, engines })).toBe(expected);
});

it.each([
  [undefined, '>=3.13', '3.13'],
  [undefined, '>=3.9,<3.12', '3.11'],
  [undefined, '^3.10', '3.12'],
  ['python-3.10.2', undefined, '3.10'],
])('.python-version %j and requires-python %j make Python %s', (pinned, requires, expected) => {
  expect(pythonMinor({ pinned, requires })).toBe(expected);
});
