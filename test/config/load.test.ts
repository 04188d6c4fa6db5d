import { describe, expect, test } from 'vitest';
import { appNameOf, loadAppSpec } from '../../src/config/load.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { memoryReader } from './memory-reader.ts';

const portfolio = `app: portfolio
services:
  web:
    path: frontend
    build: npm ci && npm run build
    run: npm start
    replicas: 2
    health: { path: /health, interval: 1s, timeout: 2s, healthyAfter: 2, unhealthyAfter: 3, deadline: 60s }
    route: { host: portfolio.localhost, path: / }
    env: { API_URL: '\${services.api.url}' }
    buildEnv: { NEXT_PUBLIC_SITE: portfolio }
  api:
    path: backend
    build: npm ci && npm run build
    release: { run: node database/run-migrations.js, inputs: [database], when: changed, timeout: 5m }
    persist: [uploads]
    run: node dist/main.js
    health: /api/health
    route: { host: portfolio.localhost, path: /api }
    drain: 30s
  docs:
    static: site
    route: { host: docs.localhost }
  mailer:
    run: node worker.js
smoke: [/, /about, /projects, /contact, /health, /api/health, /api/projects]
strategy: { type: canary, steps: [10%, 50%], bake: 10m }
environments:
  staging: { hosts: { web: staging.portfolio.localhost }, replicas: { web: 1 }, env: { STAGE: staging } }
`;
const files = { 'frontend/package.json': '{}', 'backend/package.json': '{}', 'site/index.html': 'x', 'worker.js': '' };

const load = (yaml: string) => loadAppSpec(memoryReader({ ...files, 'signalbox.yaml': yaml }));
async function refusal(yaml: string): Promise<string[]> {
  const error: unknown = await load(yaml).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignalboxError);
  expect((error as SignalboxError).code).toBe('CONFIG_INVALID');
  return (error as SignalboxError).message.split('\n');
}
const web = (more: string): string => `services:\n  web:\n    run: node s.js\n    route: /\n${more}`;

describe('a complete file', () => {
  test('is read as written, short forms and defaults filled in', async () => {
    const { spec, origin } = await load(portfolio);
    expect(origin).toBe('file');
    expect(spec.app).toBe('portfolio');
    expect(spec.services.web).toMatchObject({
      kind: 'web',
      path: 'frontend',
      replicas: 2,
      toolchain: ['node', 'npm'],
      health: {
        type: 'http',
        path: '/health',
        interval: 1000,
        timeout: 2000,
        healthyAfter: 2,
        unhealthyAfter: 3,
        deadline: 60_000,
      },
      routes: [{ host: 'portfolio.localhost', path: '/', stripPath: false }],
      drain: 30_000,
      grace: 10_000,
      requestTimeout: 60_000,
    });
    expect(spec.services.api).toMatchObject({
      health: { type: 'http', path: '/api/health', healthyAfter: 2 },
      release: { run: 'node database/run-migrations.js', inputs: ['backend/database'], when: 'changed', timeout: 300_000 },
      persist: ['uploads'],
    });
    expect(spec.services.docs).toMatchObject({
      kind: 'static',
      static: { folder: 'site', spaFallback: false },
      routes: [{ host: 'docs.localhost', path: '/' }],
    });
    expect(spec.services.mailer).toMatchObject({ kind: 'worker', health: { type: 'up' }, routes: [], overlap: false });
    expect(spec.smoke).toHaveLength(7);
    expect(spec.strategy).toMatchObject({ type: 'canary', steps: [1000, 5000], bake: 600_000, warm: true, onTimeout: 'hold' });
    expect(Object.keys(spec.environments)).toEqual(['production', 'staging']);
  });

  test('without a host in a route serves <app>.localhost, the app being called after its folder', async () => {
    const { spec } = await load(web(''));
    expect(spec.app).toBe('shop');
    expect(spec.services.web?.routes).toEqual([{ host: 'shop.localhost', path: '/', stripPath: false }]);
    expect(spec.services.web?.health.type).toBe('port');
    expect(spec.strategy).toMatchObject({ type: 'blue-green', bake: 60_000 });
  });

  test('keeps the spelling of numbers in variables and takes true and false as text', async () => {
    const { spec } = await load(web('    env: { VERSION: 1.10, DEBUG: false, OCT: 0755, TEXT: "" }\n'));
    expect(spec.services.web?.env).toEqual({ VERSION: '1.10', DEBUG: 'false', OCT: '0755', TEXT: '' });
  });

  test('may use anchors and merge keys', async () => {
    const { spec } = await load(
      'x: 1\n'.replace('x: 1\n', '') + 'services:\n  a: &a { run: node a.js, drain: 5s }\n  b: { <<: *a, run: node b.js }\n',
    );
    expect(spec.services.b).toMatchObject({ run: 'node b.js', drain: 5000 });
  });
});

describe('branches of environments', () => {
  test('are kept in the order of the file, which is the order in which a push goes through them', async () => {
    const { spec } = await load(
      web('environments:\n  staging: { branch: main, hosts: { web: s.localhost } }\n  production: { branch: main }\n'),
    );
    expect(Object.entries(spec.environments).map(([name, { branch }]) => [name, branch])).toEqual([
      ['staging', 'main'],
      ['production', 'main'],
    ]);
  });

  test('may be none at all', async () => {
    const { spec } = await load(web('environments: { production: { branch: false } }\n'));
    expect(spec.environments['production']?.branch).toBe(false);
  });
});

describe('a mistake is shown with file, line, column, what is expected and the nearest key', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['an unknown key', web('    replica: 2\n'), 'signalbox.yaml:5:5 services.web: unknown key replica; did you mean replicas?'],
    [
      'a misspelt key in a nested form',
      web('    health: { pth: /x }\n'),
      'signalbox.yaml:5:15 services.web.health: unknown key pth; did you mean path?',
    ],
    [
      'a wrong type',
      web('    replicas: two\n'),
      'signalbox.yaml:5:15 services.web.replicas: expected a whole number from 1 to 64, got "two"',
    ],
    [
      'too many replicas',
      web('    replicas: 65\n'),
      'signalbox.yaml:5:15 services.web.replicas: expected a whole number from 1 to 64, got 65',
    ],
    ['a duration without unit', web('    drain: 30\n'), 'write 30s for seconds'],
    [
      'a duration with a space',
      web('    drain: 5 m\n'),
      'signalbox.yaml:5:12 services.web.drain: expected a duration with its unit',
    ],
    [
      'a path that leaves the repository',
      web('    path: ../x\n'),
      'signalbox.yaml:5:11 services.web.path: expected the folder of the service, a path inside the repository',
    ],
    [
      'a folder that is not there',
      web('    path: nowhere\n'),
      'signalbox.yaml:5:11 services.web.path: the repository has no folder nowhere',
    ],
    [
      'a branch that git would not make',
      `${web('')}environments:\n  production: { branch: 'a..b' }\n`,
      'signalbox.yaml:6:25 environments.production.branch: expected a branch such as main, a pattern such as release/*',
    ],
    ['a duplicate key', web('    run: node t.js\n'), 'signalbox.yaml:5:5 this key is there twice'],
    ['an alias without anchor', web('    env: *nope\n'), 'signalbox.yaml:5:10 there is no anchor &nope'],
    ['broken syntax', 'services: [\n', 'signalbox.yaml:2:1 '],
    [
      'a name that cannot be a host',
      'services:\n  Web_1: { run: x }\n',
      'signalbox.yaml:2:3 services: "Web_1" is no usable name',
    ],
    [
      'static with run',
      'services:\n  a:\n    static: site\n    run: node x\n',
      'signalbox.yaml:4:10 services.a.run: a service has either run or static',
    ],
    [
      'neither static nor run',
      'services:\n  a: { path: site }\n',
      'signalbox.yaml:2:6 services.a: expected run (a start command) or static',
    ],
    [
      'a worker with a health path',
      'services:\n  a: { run: x, health: /h }\n',
      'services.a.health: a service without route is a worker',
    ],
    [
      'an unknown service in a reference',
      web("    env: { A: '${services.wob.url}' }\n"),
      'signalbox.yaml:5:15 services.web.env.A: there is no service wob; did you mean web?',
    ],
    ['an unknown kind of reference', web("    env: { A: '${service.web.url}' }\n"), '${service.web.url} is no reference'],
    [
      'a reference to a worker',
      `${web("    env: { A: '${services.w.url}' }\n")}  w: { run: x }\n`,
      'w is a worker, it has no address',
    ],
    ['a service address at build time', web("    buildEnv: { A: '${services.web.url}' }\n"), 'known only at run time'],
    [
      'two services on one host and path',
      `${web('')}  b: { run: x, route: { host: SHOP.localhost } }\n`,
      'signalbox.yaml:5:23 services.b.route: shop.localhost/ is already the route of web',
    ],
    [
      'an environment without own hosts',
      `${web('')}environments:\n  staging: { replicas: { web: 1 } }\n`,
      'signalbox.yaml:6:12 environments.staging: expected hosts',
    ],
    [
      'an environment naming an unknown service',
      `${web('')}environments:\n  staging: { hosts: { wob: a.b } }\n`,
      'environments.staging.hosts.wob: there is no service wob; did you mean web?',
    ],
    [
      'an environment that claims what production serves',
      `${web('')}environments:\n  staging: { hosts: { web: shop.localhost } }\n`,
      'already served by web in production',
    ],
    [
      'replicas of an unknown service',
      `${web('')}environments:\n  production: { replicas: { constructor: 2 } }\n`,
      'there is no service constructor',
    ],
    ['steps that do not rise', `${web('')}strategy: { type: canary, steps: [50%, 10%] }\n`, 'expected more than 50%: steps rise'],
    ['a share without percent sign', `${web('')}strategy: { type: canary, steps: [10] }\n`, 'write 10%'],
    ['steps without canary', `${web('')}strategy: { steps: [10%] }\n`, 'steps are for canary'],
    ['an unknown strategy', `${web('')}strategy: bluegreen\n`, 'expected blue-green, rolling, canary, or { type'],
    [
      'a canary without traffic',
      'services:\n  a: { run: x }\nstrategy: canary\n',
      'signalbox.yaml:3:11 strategy: a canary needs traffic',
    ],
    ['persist of the whole folder', web('    persist: [.]\n'), 'services.web.persist[0]: expected a folder inside'],
    [
      'an empty value',
      web('    health:\n'),
      'services.web.health: expected a path such as /health, or { path, interval, timeout, … }, got an empty value',
    ],
    ['no keys at all', 'just text\n', 'signalbox.yaml:1:1 expected signalbox.yaml as keys and values, got "just text"'],
    ['a key called __proto__', web('    __proto__: { a: 1 }\n'), 'unknown key __proto__'],
    ['a smoke path that is no path', `${web('')}smoke: [about]\n`, 'smoke[0]'],
  ];
  test.each(cases)('%s', async (_, yaml, expected) => {
    expect((await refusal(yaml)).join('\n')).toContain(expected);
  });

  test('all mistakes come at once, in the order of the file', async () => {
    const lines = await refusal(web('    drain: 5 m\n    replicas: 0\nstrateggy: canary\n'));
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['signalbox.yaml:5:12', 'signalbox.yaml:6:15', 'signalbox.yaml:7:1']);
  });

  test('an alias bomb is refused quickly', async () => {
    const levels = Array.from(
      { length: 20 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]`,
    );
    const before = performance.now();
    expect((await refusal(`l0: &l0 [x]\n${levels.join('\n')}\n`)).join()).toContain('aliases expand to too much');
    expect(performance.now() - before).toBeLessThan(5000);
  });

  test('a file nested without end is refused', async () => {
    expect((await refusal(`a: ${'['.repeat(100_000)}`)).length).toBeGreaterThan(0);
  });

  test('two files of the two endings are refused', async () => {
    await expect(loadAppSpec(memoryReader({ 'signalbox.yaml': web(''), 'signalbox.yml': web('') }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

test('a folder name becomes a usable app name', () => {
  expect(['My Shop.git', '2048', 'Ünïcode_app', 'x'.repeat(60), '---'].map(appNameOf)).toEqual([
    'my-shop',
    'app',
    'u-ni-code-app',
    'x'.repeat(40),
    'app',
  ]);
});
