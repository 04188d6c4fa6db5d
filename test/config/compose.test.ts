import { describe, expect, it } from 'vitest';
import { interpolate } from '../../src/config/compose/interpolate.ts';
import { httpHealth } from '../../src/config/compose/health.ts';
import { mountOf, portOf } from '../../src/config/compose/shapes.ts';
import { initialFile } from '../../src/config/init.ts';
import { loadAppSpec, parseAppFile } from '../../src/config/load.ts';
import type { AppFile } from '../../src/config/schema.ts';
import { memoryReader } from './memory-reader.ts';

type Files = Readonly<Record<string, string>>;
const node: Files = {
  'package.json': '{"scripts":{"start":"node s.js"}}',
  's.js': 'require("http").createServer().listen(process.env.PORT)',
};
const below = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));

/** What `init` writes for a repository with this Compose file, checked by loading it, and what it says about it. */
async function converted(compose: string, files: Files = node): Promise<{ file: AppFile; said: string; text: string }> {
  const all = { ...files, 'docker-compose.yml': compose };
  const { text, explanation } = await initialFile(memoryReader(all));
  await loadAppSpec(memoryReader({ ...all, 'signalbox.yaml': text }));
  return { file: parseAppFile('signalbox.yaml', text).file, said: explanation.join('\n'), text };
}

const service = (rest: string): string =>
  `services:\n  web:\n    build: .\n    ports: ['3000:3000']\n${rest.replace(/^(?=.)/gm, '    ')}`;
const web = ({ file }: { file: AppFile }): NonNullable<AppFile['services']>[string] => file.services?.['web'] ?? ({} as never);

describe('a Compose file becomes signalbox.yaml', () => {
  it('with services from what is built and accessories from known images', async () => {
    const { file, said } = await converted(
      [
        'name: Shop_App',
        'services:',
        '  front: { build: ./front, ports: ["80:3000"], environment: { API: "http://api:4000/v1" } }',
        '  api:',
        '    build: { context: ./api }',
        '    expose: [4000]',
        '    environment: ["DATABASE_URL=postgres://u:p@db/x", "CACHE=redis://cache:6379/2"]',
        '    healthcheck: { test: curl -f http://localhost:4000/up || exit 1 }',
        '    deploy: { replicas: 3, resources: { limits: { memory: 512M, cpus: "0.5" } } }',
        '    stop_grace_period: 1m30s',
        '  db: { image: "postgres:15-alpine", environment: [POSTGRES_USER=u, POSTGRES_PASSWORD=p, POSTGRES_DB=x] }',
        '  cache: { image: "redis:7.2" }',
        '  mail: { image: mailhog/mailhog }',
        '  admin: { image: "dpage/pgadmin4:8", profiles: [tools] }',
      ].join('\n'),
      { ...below('front', node), ...below('api', node) },
    );
    expect(file.app).toBe('shop-app');
    expect(file.services?.['front']).toMatchObject({
      path: 'front',
      run: 'npm start',
      port: 3000,
      route: { path: '/' },
      env: { API: '${services.api.url}/v1' },
    });
    expect(file.services?.['api']).toMatchObject({
      port: 4000,
      health: '/up',
      replicas: 3,
      resources: { memoryMb: 512, cpus: 0.5 },
      grace: '90s',
      route: { path: '/api' },
      env: { CACHE: '${accessories.cache.url}/2' },
    });
    expect(file.accessories).toMatchObject({
      db: { type: 'postgres', version: '15', env: { POSTGRES_USER: 'u', POSTGRES_DB: 'x' } },
      cache: { type: 'redis', version: '7.2' },
      mail: 'mailcatcher',
      admin: { type: 'pgadmin', when: 'dev' },
    });
    expect(said).toContain('docker-compose.yml:7  note: api: DATABASE_URL is set by the accessory db');
  });

  it('takes the Dockerfile where nothing else says how a service starts', async () => {
    const file = 'FROM busybox\nWORKDIR /srv/app\nCMD ["./server"]';
    const { file: made } = await converted(
      'services: { web: { build: { context: ., dockerfile: docker/Dockerfile.prod, target: run }, ports: [8080], volumes: ["files:/srv/app/files"] } }',
      { 'docker/Dockerfile.prod': file, 'main.go': '' },
    );
    expect(made.services?.['web']).toMatchObject({
      dockerfile: 'docker/Dockerfile.prod',
      target: 'run',
      port: 8080,
      persist: ['files'],
    });
    expect(made.services?.['web']?.run).toBeUndefined();
  });

  it('makes a release command of what ends before the service starts', async () => {
    const { file, said } = await converted(
      service('depends_on: { migrate: { condition: service_completed_successfully } }\n') +
        '  migrate: { build: ., command: [npm, run, "migrate all"] }\n',
    );
    expect(Object.keys(file.services ?? {})).toEqual(['web']);
    expect(web({ file }).release).toBe("npm run 'migrate all'");
    expect(said).toContain('migrate: it runs to its end before web');
  });

  it('follows anchors, merge keys, extends and both forms of lists', async () => {
    const result = await converted(
      [
        'x-env: &env { SHARED: "1", LEVEL: info }',
        'services:',
        '  base: { build: ., environment: { FROM_BASE: yes } }',
        '  web:',
        '    extends: { service: base }',
        '    ports: [{ target: 3000, published: 8080 }]',
        '    environment: { <<: *env, LEVEL: debug }',
      ].join('\n'),
    );
    expect(web(result).env).toEqual({ FROM_BASE: 'yes', SHARED: '1', LEVEL: 'debug' });
    expect(web(result).port).toBe(3000);
  });

  it('keeps what older YAML would read as another value', async () => {
    const result = await converted(
      service('environment: { FLAG: on, OFF: no, VERSION: 1.10, MODE: 0755, COUNTRY: NO, TIME: 12:30 }\n'),
    );
    expect(web(result).env).toEqual({ FLAG: 'on', OFF: 'no', VERSION: '1.10', MODE: '0755', COUNTRY: 'NO', TIME: '12:30' });
    const other = await converted('services: { web: { build: ., ports: [22:22] } }');
    expect(web(other).port).toBe(22);
  });

  it('never copies a secret, and asks for it instead', async () => {
    const { file, text, said } = await converted(
      service(
        'environment:\n  SESSION_SECRET: hunter2secret\n  PAY: sk_live_4242424242\n  LINK: https://user:hunter3@x.test/\n  TOKEN: ${TOKEN}\n  OPEN:\n  HOME_PAGE: ${HOME_PAGE:-https://x.test}\n',
      ),
    );
    expect(text).not.toMatch(/hunter|4242/);
    expect(web({ file }).requires).toEqual(['SESSION_SECRET', 'PAY', 'LINK', 'TOKEN', 'OPEN']);
    expect(web({ file }).env).toEqual({ HOME_PAGE: 'https://x.test' });
    expect(said).not.toMatch(/hunter|4242/);
  });

  it("puts an accessory's fields in place of what stands beside its host", async () => {
    const result = await converted(
      service(
        'environment: { DB_HOST: db, DB_PORT: 5432, DB_USER: u, DB_NAME: shop, DB_PASSWORD: pw, ASYNC: "postgresql+asyncpg://u:pw@db:5432/shop", DB_POOL: 5432 }\n',
      ) + '  db: { image: "postgres:16", environment: { POSTGRES_USER: u, POSTGRES_PASSWORD: pw, POSTGRES_DB: shop } }\n',
    );
    const of = (field: string): string => `\${accessories.db.${field}}`;
    expect(web(result).env).toEqual({
      DB_HOST: of('host'),
      DB_PORT: of('port'),
      DB_USER: of('user'),
      DB_NAME: of('database'),
      DB_PASSWORD: of('password'),
      ASYNC: `postgresql+asyncpg://${of('user')}:${of('password')}@${of('host')}:${of('port')}/${of('database')}`,
      DB_POOL: '5432',
    });
  });

  it.each([
    ['networks', 'networks: [back]', 'an environment has a network of its own'],
    ['a folder of the machine', "volumes: ['/etc/ssl:/ssl']", 'the folder /etc/ssl of the machine is not mounted'],
    [
      "the engine's socket",
      "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
      'the socket of the engine is not handed to services',
    ],
    ['rights', 'privileged: true', 'no service gets rights over the machine'],
    ['a file of variables', 'env_file: [prod.env]', 'prod.env was not read'],
    ['a profile', 'profiles: [extra]', 'it ran in a profile only'],
    ['another kind of health check', "healthcheck: { test: 'pgrep node' }", 'it asks nothing over HTTP'],
    ['an unknown key', 'gpus: all', '`gpus` has no counterpart'],
    ['labels', "labels: ['traefik.enable=true']", 'routes are written under `route`'],
    [
      'extends of another file',
      'extends: { file: other.yml, service: web }',
      'it extends web of other.yml, which is not followed',
    ],
  ])('says where and why %s does not carry over', async (_what, lines, why) => {
    const { said } = await converted(service(`${lines}\n`));
    expect(said).toMatch(new RegExp(`docker-compose\\.yml:5  note: web: .*${why.replace(/[`.]/g, '.')}`));
  });

  it('leaves out, with the reason, what it cannot take over', async () => {
    const { file, said } = await converted(
      service('') +
        '  far: { build: "https://github.com/x/y.git" }\n  up: { build: ../other }\n  odd: { image: some/thing }\n  gate: { image: "traefik:v3" }\n  empty: {}\n  ghost: { build: ./ghost }\n',
    );
    expect(Object.keys({ ...file.services, ...file.accessories })).toEqual(['web']);
    for (const name of ['far', 'up', 'odd', 'gate', 'empty', 'ghost']) expect(said).toContain(`note: ${name}: `);
  });

  it('keeps names apart that become the same', async () => {
    const { file } = await converted('services: { my_web: { build: ., ports: [1] }, my.web: { build: ., ports: [2] } }');
    expect(Object.keys(file.services ?? {})).toEqual(['my-web', 'my-web-2']);
  });

  it.each([
    ['CONNECTION_STRING', 'Server=db.example;User Id=sa;Password=hunter2;'],
    ['STORAGE', 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2abc=='],
    ['MAIN_DB', 'postgres://app:hunter2/x@db.example/x'],
    ['REPOSITORY', 'https://hunter2hunter2hunter2@git.example/a.git'],
    ['BASIC_AUTH', 'admin:hunter2'],
    ['KEY_PASSPHRASE', 'hunter2'],
    ['SERVICE_JWT', 'hunter2'],
    ['MODEL_ACCESS', 'sk-proj-hunter2hunter2hunter2'],
    ['NOTIFY', 'https://hooks.slack.com/services/T0/B0/hunter2'],
  ])('without the secret in %s, whatever its name', async (name, value) => {
    const { said, text } = await converted(service(`environment: { ${name}: ${JSON.stringify(value)} }\n`));
    expect(text).not.toContain('hunter2');
    expect(said).not.toContain('hunter2');
    expect(said).toContain(`the value of ${name} looks like a secret`);
  });

  it.each([
    ['MODEL', 'llama3:latest'],
    ['CACHE', 'redis://cache.example:6379/0'],
    ['PAGE', 'https://pages.example:8080/@me'],
    ['AUTH_URL', 'https://login.example/token?kind=code'],
  ])('with %s, which is no secret', async (name, value) => {
    const { text } = await converted(service(`environment: { ${name}: ${JSON.stringify(value)} }\n`));
    expect(text).toContain(value);
  });

  it('without the secrets of its accessories', async () => {
    const { said, text } = await converted(
      [
        service(''),
        '  mail: { image: "axllent/mailpit:v1", environment: { MP_UI_AUTH: "a:hunter2", MP_MAX_AGE: 3d } }',
        '  sso:',
        '    image: quay.io/acme/sso:26',
        '    entrypoint: /opt/sso.sh',
        '    command: start --db-password hunter2',
        '    environment: { STORE: "postgres://u:hunter2@db/x", ADMIN: admin }',
      ].join('\n'),
    );
    expect(text).not.toContain('hunter2');
    expect(said).not.toContain('hunter2');
    expect(said).toMatch(/MP_UI_AUTH[\s\S]*STORE/);
    expect(text).toContain('ADMIN: admin');
  });

  it.each([
    ['command: npm start -- --password hunter2\n', 'run'],
    ['command: node s.js postgres://u:hunter2/x@db.example/x\n', 'run'],
    ['entrypoint: sh -c "TOKEN=hunter2 node s.js"\n', 'run'],
  ])('without the secret of a command: %s', async (line, key) => {
    const { said, text } = await converted(service(line));
    expect(text).not.toContain('hunter2');
    expect(said).not.toContain('hunter2');
    expect(said).toContain(`write \`${key}\` by hand`);
  });

  it('without the secret of a command that runs before', async () => {
    const { said, text } = await converted(
      [
        service('depends_on: { first: { condition: service_completed_successfully } }\n'),
        '  first: { build: ., command: node migrate.js --token hunter2 }',
      ].join('\n'),
    );
    expect(text).not.toContain('hunter2');
    expect(said).not.toContain('hunter2');
    expect(said).toContain('write `release` by hand');
  });

  it('with a command whose secret is a variable', async () => {
    const { text } = await converted(service('command: npm start -- --password $$PASSWORD\n'));
    expect(text).toContain('--password $PASSWORD');
  });

  it('and says where a variable without a value left a gap', async () => {
    const { said } = await converted(
      service('command: node s.js --port ${OUTER_PORT} --mode ${MODE:-plain}\n').replace(
        'build: .',
        "build: { context: ., args: { SITE: '${SITE_URL}' } }",
      ),
    );
    expect(said).toContain('OUTER_PORT has no value in the file');
    expect(said).toContain('SITE_URL has no value in the file');
    expect(said).not.toContain('MODE has');
  });

  it('and asks for no file outside of the repository', async () => {
    const asked: string[] = [];
    const reader = memoryReader({
      ...node,
      'docker-compose.yml': service('').replace('build: .', 'build: { context: ., dockerfile: ../../secret }'),
    });
    await initialFile({ ...reader, read: (path) => (asked.push(path), reader.read(path)) });
    expect(asked.filter((path) => path.startsWith('..'))).toEqual([]);
  });

  it('is not read back where it was generated', async () => {
    const { text } = await initialFile(
      memoryReader({ ...node, 'compose.yaml': '# Made by …\n# signalbox:generated sha256=0123456789abcdef\nservices: {}\n' }),
    );
    expect(text).toContain('Without this file the same is detected');
  });
});

describe('a file that is no Compose file is refused with line and column', () => {
  it.each([
    ['services: [a]', 'docker-compose.yml:1:11 services'],
    ['services:\n  web: text', 'docker-compose.yml:2:8 services.web'],
    ['version: "3"', 'the file has no `services`'],
    ['- a', 'docker-compose.yml:1:1'],
    ['services:\n  web: { image: a\n', 'docker-compose.yml:3:1'],
    ['services:\n  web: &a { x: *b }', 'docker-compose.yml:2:16 there is no anchor &b'],
    ['services: &a\n  web: { build: ., environment: *a }', 'docker-compose.yml:2:33 the alias *a stands inside of what it'],
    ['x-a: &a\n  - *a\nservices: {}', 'docker-compose.yml:2:5 the alias *a stands inside of what it'],
    ['services:\n  a: {}\n  a: {}', 'docker-compose.yml:3:3 this key is there twice'],
    ['services:\n  "../x": {}', 'expected a name of letters'],
    ['services:\n  __proto__: {}', 'unknown key __proto__'],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nservices: { web: { environment: [*c,*c,*c,*c] } }`,
      'aliases expand to too much',
    ],
  ])('%s', async (text, expected) => {
    const error = await initialFile(memoryReader({ 'docker-compose.yml': text })).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(error)).toContain(expected);
  });

  it('and one that extends itself ends', async () => {
    const { said } = await converted(`${service('extends: other\n')}  other: { extends: web, build: . }\n`);
    expect(said).toContain('extends it in turn');
  });
});

it.each([
  ['${A:-b}', 'b', []],
  ['${A-b}', 'b', []],
  ['${A:-${B:-c}}d', 'cd', []],
  ['$A-$$B', '-$B', ['A']],
  ['${A:?no}', '', ['A']],
  ['${A:+x}', '', []],
  ['${A', '${A', []],
  ['a$', 'a$', []],
  ['100$%', '100$%', []],
])('%s is %j when nothing is set', (text, expected, unknown) => {
  expect(interpolate(text)).toMatchObject({ text: expected, unknown });
});

it.each([
  [['CMD', 'wget', '-qO-', 'http://127.0.0.1:80/'], { path: '/', port: 80 }],
  ['curl --fail http://localhost/health?x=1 || exit 1', { path: '/health?x=1', port: undefined }],
  [['CMD-SHELL', 'node -e "fetch(\'http://localhost:3000/api/up\')"'], { path: '/api/up', port: 3000 }],
  [['CMD', 'curl', 'http://other:3000/'], undefined],
  [['NONE'], undefined],
])('the health check %j asks %j', (test, expected) => {
  expect(httpHealth({ test })).toEqual(expected);
});

it.each([
  ['8080:80', 80],
  [3000, 3000],
  ['127.0.0.1::9000/tcp', 9000],
  ['[::1]:80:81', 81],
  ['3000-3005', 3000],
  ['53:53/udp', undefined],
  [{ target: 5000, protocol: 'tcp' }, 5000],
  ['nonsense', undefined],
])('the port of %j is %s', (value, target) => {
  expect(portOf(value)?.target).toBe(target);
});

it.each([
  ['data:/var/lib/x:ro', { source: 'data', target: '/var/lib/x', type: 'volume' }],
  ['./src:/app', { source: './src', target: '/app', type: 'bind' }],
  ['C:\\x:/app', { source: 'C/x', target: '/app', type: 'bind' }],
  ['/anonymous', { source: undefined, target: '/anonymous', type: 'volume' }],
  [
    { type: 'tmpfs', target: '/tmp' },
    { source: undefined, target: '/tmp', type: 'other' },
  ],
])('the volume %j is read', (value, expected) => {
  expect(mountOf(value)).toEqual(expected);
});
