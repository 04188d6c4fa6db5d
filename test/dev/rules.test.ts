import { describe, expect, test } from 'vitest';
import { complete } from '../../src/config/complete.ts';
import { parseEnvFile } from '../../src/config/env-file.ts';
import { appSchema } from '../../src/config/schema.ts';
import { localAddresses, localNames } from '../../src/dev/addresses.ts';
import { tamed } from '../../src/dev/log.ts';
import { serviceVariables } from '../../src/dev/variables.ts';
import { developmentView, startOrder } from '../../src/dev/view.ts';
import { noSourceIn } from '../../src/dev/watch.ts';
import type { AppSpec, ServiceSpec } from '../../src/domain/spec.ts';
import type { AppName } from '../../src/domain/values.ts';

const specOf = (file: unknown): AppSpec => complete(appSchema.parse(file), { app: 'shop' as AppName, singlePage: {} });
const servicesOf = (services: unknown): ServiceSpec[] => [...developmentView(specOf({ services })).services];

describe('addresses at the desk', () => {
  test('one host is plain localhost too', () => {
    const services = servicesOf({
      web: { run: 'x', route: { host: 'shop.example.com' } },
      api: { run: 'x', route: { host: 'shop.example.com', path: '/api' } },
    });
    const { hosts, routes, several } = localAddresses(services);
    expect(hosts).toEqual(['localhost', 'shop.localhost']);
    expect(several).toBe(false);
    expect(routes).toContainEqual({ host: 'localhost', path: '/api', stripPath: false, service: 'api' });
  });
  test('several hosts keep their names, and no two become one', () => {
    expect([...localNames(['a.example.com', 'a.other.org', 'docs.localhost', '*.example.com', '*'])]).toEqual(
      [
        ['docs.localhost', 'docs.localhost'],
        ['*', '*'],
        ['a.example.com', 'a.localhost'],
        ['a.other.org', 'a-other-org.localhost'],
        ['*.example.com', '*.example.localhost'],
      ].sort((x, y) => order.indexOf(x[0] ?? '') - order.indexOf(y[0] ?? '')),
    );
  });
  const order = ['docs.localhost', '*', 'a.example.com', 'a.other.org', '*.example.com'];
});

describe('the app at the desk', () => {
  test('is not what production changes, but what development says', () => {
    const services = { web: { run: 'x', route: '/', env: { MODE: 'plain' } } };
    const plain = developmentView(
      specOf({ services, environments: { production: { env: { MODE: 'live' }, hosts: { web: 'shop.com' } } } }),
    );
    expect(plain.own).toEqual({});
    expect(plain.services[0]?.env).toEqual({ MODE: 'plain' });
    expect(plain.services[0]?.routes[0]?.host).toBe('shop.localhost');
    const declared = developmentView(
      specOf({ services, environments: { dev: { env: { MODE: 'desk' }, hosts: { web: 'dev.shop.com' } } } }),
    );
    expect(declared).toMatchObject({ environment: 'dev', own: { MODE: 'desk' } });
    expect(declared.services[0]?.routes[0]?.host).toBe('dev.shop.com');
  });
  test('starts what others refer to first, also in a circle', () => {
    const to = (name: string) => ({ URL: `\${services.${name}.url}` });
    const services = servicesOf({
      web: { run: 'x', route: '/', env: to('api') },
      api: { run: 'x', route: '/api', env: to('auth') },
      auth: { run: 'x', route: '/auth', env: to('api') },
    });
    expect(startOrder(services).map(({ name }) => name)).toEqual(['auth', 'api', 'web']);
  });
});

describe('variables of a service', () => {
  const [service] = servicesOf({
    web: {
      run: 'x',
      route: '/',
      env: { API: '${services.api.url}', DATABASE_URL: '${accessories.db.url}', PLAIN: 'yaml', NAME: 'yaml' },
      requires: ['KEY', 'EMPTY'],
    },
    api: { run: 'x', route: '/api' },
  });
  const variablesOf = (
    files: Record<string, string>,
    more: { shell?: Record<string, string>; accessories?: Record<string, string>; example?: string } = {},
  ) =>
    serviceVariables({
      service: service as ServiceSpec,
      environment: { FROM_ENVIRONMENT: 'yes' },
      files: Object.entries(files).map(([name, text]) => ({ name, entries: parseEnvFile(text).entries })),
      shell: { PATH: '/bin', PORT: '1', SIGNALBOX_HOME: '/x', ...more.shell },
      resolve: (value) =>
        value.includes('accessories') ? more.accessories?.['db'] : value.replace('${services.api.url}', 'http://127.0.0.1:5000'),
      example: parseEnvFile(more.example ?? '').entries,
    });

  test('files win over signalbox.yaml, later files over earlier ones, the terminal over files', () => {
    const { env } = variablesOf(
      { '.env': 'PLAIN=env\nNAME=env\nONLY=1', '.env.local': 'PLAIN=local' },
      { shell: { NAME: 'shell', OTHER: 'x' } },
    );
    expect(env).toMatchObject({ PLAIN: 'local', NAME: 'shell', ONLY: '1', OTHER: 'x', FROM_ENVIRONMENT: 'yes', PATH: '/bin' });
    expect(env).not.toHaveProperty('PORT');
    expect(env).not.toHaveProperty('SIGNALBOX_HOME');
  });
  test('the local API and the local database win over everything, and it is said', () => {
    const { env, notes } = variablesOf(
      { '.env': 'API=https://live.example.com\nDATABASE_URL=postgres://live' },
      { accessories: { db: 'postgres://local' } },
    );
    expect(env).toMatchObject({ API: 'http://127.0.0.1:5000', DATABASE_URL: 'postgres://local' });
    expect(notes).toHaveLength(2);
    expect(notes.join()).toContain('DATABASE_URL of .env is not used');
  });
  test('what refers to an accessory that is not started comes from elsewhere, or is missing', () => {
    expect(variablesOf({ '.env': 'KEY=1\nEMPTY=2\nDATABASE_URL=postgres://mine' })).toMatchObject({
      env: { DATABASE_URL: 'postgres://mine' },
      missing: [],
    });
    const bare = variablesOf({ '.env': 'KEY=1\nEMPTY=2' });
    expect(bare.missing).toMatchObject([{ name: 'DATABASE_URL' }]);
    expect(bare.env).not.toHaveProperty('DATABASE_URL');
  });
  test('what is required needs a value; what the example leaves open is worth a word', () => {
    const example = 'KEY=\nSECRET= # required\n# optional\nMAYBE=\nWITH=default\n# for the panel\nOPEN=';
    const first = variablesOf({ '.env': 'EMPTY=' }, { example, accessories: { db: 'x' } });
    expect(first.missing).toMatchObject([{ name: 'KEY' }, { name: 'EMPTY' }, { name: 'SECRET', asked: '.env.example:2' }]);
    expect(first.notes).toEqual(['OPEN of .env.example is not set']);
    const second = variablesOf({ '.env': 'KEY=1\nEMPTY=2\nSECRET=3\nOPEN=' }, { example, accessories: { db: 'x' } });
    expect(second).toMatchObject({ missing: [], notes: [] });
  });
});

describe('what is no source', () => {
  const noSource = noSourceIn('/app', { data: ['uploads'], named: ['node', 'server.js'] });
  test.each([
    ['/app/server.js', false],
    ['/app/src/a.ts', false],
    ['/app/views/index.html', false],
    ['/app/node_modules/x/index.js', true],
    ['/app/packages/a/node_modules/x', true],
    ['/app/.git/index', true],
    ['/app/dist/main.js', true],
    ['/app/src/dist/main.js', false],
    ['/app/uploads/a.png', true],
    ['/app/data.sqlite-wal', true],
    ['/app/app.log', true],
    ['/app/server.js~', true],
    ['/app/src/.server.js.swp', true],
    ['/app/.env', false],
  ])('%s: %s', (path, expected) => {
    expect(noSource(path)).toBe(expected);
  });
  test('a folder of results is source where the command names it', () => {
    expect(noSourceIn('/app', { data: [], named: ['dist/main.js'] })('/app/dist/main.js')).toBe(false);
  });
});

test('a line of output may be coloured and nothing else', () => {
  const escape = '\u001b';
  const line = `${escape}[2J${escape}[H${escape}[31mred${escape}[0m${escape}]0;title\u0007 \u0007${escape}c${escape}[1A done\r`;
  expect(tamed(line, true)).toBe(`${escape}[31mred${escape}[0m  done`);
  expect(tamed(line, false)).toBe('red  done');
});
