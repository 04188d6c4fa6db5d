import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { composeFiles } from '../../src/blueprints/compose-file.ts';
import { envExample } from '../../src/blueprints/environment/example.ts';
import { type Files, inputOf, packageJson } from './repositories.ts';

const server = (folder: string, port: number, more = ''): Files => ({
  [`${folder}/package.json`]: packageJson({ scripts: { start: 'node server.js' } }),
  [`${folder}/server.js`]: `require('http').createServer().listen(process.env.PORT || ${port})\n${more}`,
});

const shop = {
  ...server(
    'web',
    3000,
    "fetch(process.env.API_URL)\nconst key = process.env.SHOP_KEY\nconst mode = process.env.MODE_NAME ?? 'plain'",
  ),
  ...server('api', 4000, 'connect(process.env.DATABASE_URL)'),
  'site/index.html': '',
  'signalbox.yaml': [
    'app: shop',
    'services:',
    "  web: { path: web, run: npm start, health: /up, route: /, env: { API_URL: '${services.api.url}/v1', PRICE: '5$', VERSION: '1.10', FLAG: 'yes' } }",
    "  api: { path: api, run: npm start, route: { path: /api, stripPath: true }, persist: [uploads], release: node migrate.js $PWD, requires: [STRIPE_SECRET], env: { BUS: 'redis://${accessories.cache.host}:${accessories.cache.port}/3' } }",
    '  docs: { path: site, static: ., route: { host: docs.localhost } }',
    'accessories:',
    "  db: { type: postgres, version: '16' }",
    '  cache: redis',
    '  mail: mailcatcher',
    '  admin: { type: pgadmin, when: dev }',
    '  tool: { type: custom, run: ./tool }',
  ].join('\n'),
};

type Service = Readonly<Record<string, unknown>> & { readonly environment: Readonly<Record<string, string | null>> };
async function compose(
  files: Files,
): Promise<{ services: Readonly<Record<string, Service>>; text: string; router: string; paths: string[] }> {
  const made = composeFiles(await inputOf(files));
  const text = made[0]?.text ?? '';
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  return {
    services,
    text,
    router: made.find(({ path }) => path.endsWith('Caddyfile'))?.text ?? '',
    paths: made.map(({ path }) => path),
  };
}

describe('compose.yaml', () => {
  it('waits for what a service needs, and runs its release command once before it', async () => {
    const { services } = await compose(shop);
    expect(services['api']?.['depends_on']).toEqual({
      db: { condition: 'service_healthy' },
      cache: { condition: 'service_healthy' },
      mail: { condition: 'service_started' },
      'api-release': { condition: 'service_completed_successfully' },
    });
    expect(services['api-release']).toMatchObject({
      command: ['/bin/sh', '-c', 'node migrate.js $$PWD'],
      restart: 'no',
      volumes: ['api-uploads:/app/uploads'],
    });
    expect(services['api']).toMatchObject({ init: true, volumes: ['api-uploads:/app/uploads'] });
    expect(services['docs']?.['depends_on']).toBeUndefined();
  });

  it('gives addresses by the names of services, and texts as they are', async () => {
    const { services } = await compose(shop);
    expect(services['web']?.environment).toMatchObject({
      API_URL: 'http://api:4000/v1',
      PRICE: '5$$',
      VERSION: '1.10',
      FLAG: 'yes',
    });
    expect(services['api']?.environment).toMatchObject({
      DATABASE_URL: 'postgres://app:${DB_PASSWORD:-local-only}@db:5432/app',
      BUS: 'redis://cache:6379/3',
    });
  });

  it('passes on what only the code or `requires` names, and sets nothing where it has no value', async () => {
    const { services, text } = await compose(shop);
    expect(services['web']?.environment).toMatchObject({ SHOP_KEY: null, MODE_NAME: null });
    expect(services['api']?.environment).toMatchObject({ STRIPE_SECRET: null });
    expect(services['web']?.environment).not.toHaveProperty('PORT');
    expect(text).toMatch(/^ +SHOP_KEY:$/m);
  });

  it('is read the same by YAML 1.1', async () => {
    const { text, services } = await compose(shop);
    expect((parse(text, { version: '1.1' }) as { services: unknown }).services).toEqual(services);
  });

  it('publishes on loopback alone, one address for all routes', async () => {
    const { services } = await compose(shop);
    const ports = Object.entries(services).flatMap(([name, service]) =>
      ((service['ports'] ?? []) as string[]).map((port) => `${name} ${port}`),
    );
    expect(ports).toEqual([
      'mail 127.0.0.1:${MAIL_PORT:-8025}:8025',
      'admin 127.0.0.1:${ADMIN_PORT:-5050}:5050',
      'router 127.0.0.1:${HTTP_PORT:-8080}:8080',
    ]);
  });

  it('keeps tools in a profile, and says what it leaves out', async () => {
    const { services, text } = await compose(shop);
    expect(services['admin']?.['profiles']).toEqual(['tools']);
    expect(services['tool']).toBeUndefined();
    expect(text).toContain('# tool is not here: it is a command of this machine and has no image.');
  });

  it('routes by host and by the longest prefix on segment borders', async () => {
    const { router } = await compose(shop);
    expect(router).toContain('@host1 host docs.localhost');
    expect(router).toContain('path /api /api/*');
    expect(router.indexOf('uri strip_prefix /api')).toBeGreaterThan(router.indexOf('docs:8080'));
    expect(router.indexOf('reverse_proxy web:3000')).toBeGreaterThan(router.indexOf('reverse_proxy api:4000'));
  });

  it('needs no router for one service with one route', async () => {
    const { services, paths } = await compose({
      ...server('.', 3000),
      'package.json': packageJson({ scripts: { start: 'node server.js' } }),
      'server.js': "require('http').createServer().listen(process.env.PORT || 3000)",
    });
    expect(paths).toEqual(['compose.yaml', 'compose.watch.yaml']);
    expect(services['web']?.['ports']).toEqual(['127.0.0.1:${HTTP_PORT:-8080}:3000']);
  });

  it('keeps apart what is called alike: volumes and routes', async () => {
    const { services, router } = await compose({
      ...server('web', 3000),
      ...server('more', 4000),
      'signalbox.yaml': [
        'services:',
        '  web: { path: web, run: npm start, health: /up, route: /a-b, persist: [a-b, a/b] }',
        '  web-a: { path: more, run: npm start, health: /up, route: /a/b, persist: [b] }',
      ].join('\n'),
    });
    const mounts = Object.values(services).flatMap((one) => (one['volumes'] ?? []) as string[]);
    const volumes = mounts.filter((mount) => !mount.startsWith('.')).map((mount) => mount.split(':')[0]);
    expect(volumes).toHaveLength(3);
    expect(new Set(volumes).size).toBe(3);
    const matchers = [...router.matchAll(/^\s*@(\S+) path/gm)].map(([, name]) => name);
    expect(matchers).toHaveLength(2);
    expect(new Set(matchers).size).toBe(2);
  });

  it('takes a name that is free for what it adds', async () => {
    const { services } = await compose({
      ...shop,
      'signalbox.yaml': `${shop['signalbox.yaml']}\n  router: redis\n  api-release: redis`,
    });
    expect(Object.keys(services)).toEqual(expect.arrayContaining(['router', 'router-2', 'api-release', 'api-release-2']));
  });

  it('uses a Dockerfile or an image of the repository as it is', async () => {
    const { services, text } = await compose({
      Dockerfile: 'FROM x',
      'signalbox.yaml':
        "services:\n  web: { dockerfile: Dockerfile, target: run, port: 9000, route: /, persist: [data] }\n  other: { image: 'acme/other:1.2', port: 7000, route: /other }\n",
    });
    expect(services['web']).toMatchObject({
      build: { context: '.', dockerfile: 'Dockerfile', target: 'run' },
      environment: { PORT: '9000' },
    });
    expect(services['other']).toMatchObject({ image: 'acme/other:1.2' });
    expect(text).toContain('# Where its image keeps data is not known: mount a volume there.');
  });
});

describe('.env.example', () => {
  it('names every variable, where it is read, and leaves open what has to be decided', async () => {
    const { text } = envExample(await inputOf(shop));
    expect(text).toContain('# web: read in web/server.js:3.\nSHOP_KEY=\n');
    expect(text).toContain('# api: required (signalbox.yaml).\nSTRIPE_SECRET=\n');
    expect(text).toContain('# web: read in web/server.js:4.\n# MODE_NAME=plain\n');
    expect(text).toContain('# Given by the accessory db.\n# DATABASE_URL=\n');
    expect(text).toContain('# DB_PASSWORD=local-only\n');
    expect(text).not.toMatch(/^(?:PORT|API_URL|DATABASE_URL)=/m);
  });

  it('never holds what looks like a secret, though the code has it', async () => {
    const files = {
      'package.json': packageJson({ scripts: { start: 'node s.js' } }),
      's.js': "listen(process.env.PORT); const a = process.env.JWT_SECRET || 'hunter2'",
    };
    const { text } = envExample(await inputOf(files));
    expect(text).not.toContain('hunter2');
    expect(text).toContain('# JWT_SECRET=\n');
    const address = { ...files, 's.js': "connect(process.env.MAIN_STORE ?? 'postgres://app:hunter2@db.example/app')" };
    expect(envExample(await inputOf(address)).text).toMatch(/# MAIN_STORE=\n/);
  });

  it.each([
    ['const { A_ONE, A_TWO = "2" } = process.env', ['A_ONE=', '# A_TWO=2']],
    ["process.env['B_ONE'] ?? fallback()", ['# B_ONE=']],
    ['process.env.C_ONE = "set"', []],
    ['const d = process.env.D_ONE\nif (d) use(d)', ['# D_ONE=']],
    ['load(process.env); function load(env) { return env.E_ONE || "x" }', ['# E_ONE=x']],
    [
      'const S = z.object({\n  F_ONE: z.string(),\n  F_TWO: z.string().default("two"),\n}); S.parse(process.env)',
      ['F_ONE=', '# F_TWO=two'],
    ],
    [
      "const t = { a: { variable: 'G_ONE', fallback: '7' }, b: { variable: 'G_TWO' } }\nread(process.env); (env) => env[name]",
      ['# G_ONE=7'],
    ],
  ])('finds the variables of %j', async (code, expected) => {
    const files = {
      'package.json': packageJson({ scripts: { start: 'node s.js' } }),
      's.js': `listen(process.env.PORT);\n${code}`,
    };
    const { text } = envExample(await inputOf(files));
    const found = text.split('\n').filter((line) => /^(?:# )?[A-G]_\w+=/.test(line));
    expect(found).toEqual(expect.arrayContaining(expected));
    if (expected.length === 0) expect(found).toEqual([]);
  });

  it('finds the variables of Python', async () => {
    const code =
      "import os\nfrom fastapi import FastAPI\napp = FastAPI()\na = os.environ['NEEDED']\nb = os.getenv('LEVEL', 'info')\nc = os.environ.get('MAYBE')\n";
    const { text } = envExample(await inputOf({ 'main.py': code, 'requirements.txt': 'fastapi' }));
    expect(text).toContain('# web: read in main.py:4.\nNEEDED=\n');
    expect(text).toContain('# LEVEL=info\n');
    expect(text).toContain('# MAYBE=\n');
  });
});
