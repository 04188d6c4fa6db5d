import { describe, expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { resolveEnvironment } from '../../src/domain/environment.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import type { EnvironmentName } from '../../src/domain/values.ts';
import { memoryReader } from './memory-reader.ts';

const load = (yaml: string) => loadAppSpec(memoryReader({ 'signalbox.yaml': yaml }));
const services = 'services:\n  api: { run: node s.js, route: / }\n';

async function refusal(yaml: string): Promise<string> {
  const error: unknown = await load(services + yaml).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignalboxError);
  expect((error as SignalboxError).code).toBe('CONFIG_INVALID');
  return (error as SignalboxError).message;
}

describe('accessories in signalbox.yaml', () => {
  test('are read in their short and their long form', async () => {
    const { spec } = await load(
      `${services}accessories:\n  db: postgres\n  cache: { type: redis, version: '7' }\n  dbadmin: { type: pgadmin, when: dev }\n  store: { type: custom, image: 'minio/minio:RELEASE.1', port: 9000, persist: [/data], env: { MINIO_ROOT_PASSWORD: '\${accessories.store.password}' } }\n`,
    );
    expect(Object.values(spec.accessories ?? {})).toMatchObject([
      { name: 'db', type: 'postgres', when: 'always', deadline: 60_000 },
      { name: 'cache', type: 'redis', version: '7' },
      { name: 'dbadmin', type: 'pgadmin', when: 'dev' },
      { name: 'store', type: 'custom', image: 'minio/minio:RELEASE.1', port: 9000, persist: ['/data'] },
    ]);
  });

  test('give their addresses to every service that runs, below what it sets itself', async () => {
    const { spec } = await load(
      'services:\n  api: { run: node s.js, route: / }\n  other: { run: node s.js, env: { DATABASE_URL: sqlite.db } }\n  site: { static: ., route: /site }\naccessories: { db: postgres, second: postgres, mail: mailcatcher, cache: redis }\n',
    );
    const view = resolveEnvironment(spec, 'production' as EnvironmentName);
    const env = Object.fromEntries(view.services.map((service) => [service.name, service.env]));
    expect(env['api']).toEqual({
      DATABASE_URL: '${accessories.db.url}',
      REDIS_URL: '${accessories.cache.url}',
      SMTP_URL: '${accessories.mail.url}',
      SMTP_HOST: '${accessories.mail.host}',
      SMTP_PORT: '${accessories.mail.port}',
    });
    expect(env['other']?.['DATABASE_URL']).toBe('sqlite.db');
    expect(env['site']).toEqual({});
  });

  test('are changed by an environment, and only there', async () => {
    const { spec } = await load(
      `${services}accessories: { db: { type: postgres, env: { POSTGRES_DB: shop } } }\nenvironments: { staging: { hosts: { api: s.localhost }, accessories: { db: { version: 15, env: { POSTGRES_USER: me } } } } }\n`,
    );
    const of = (name: string) => resolveEnvironment(spec, name as EnvironmentName).accessories;
    expect(of('staging')).toMatchObject([{ version: '15', env: { POSTGRES_DB: 'shop', POSTGRES_USER: 'me' } }]);
    expect(of('production')).toMatchObject([{ env: { POSTGRES_DB: 'shop' } }]);
    expect(of('production')[0]).not.toHaveProperty('version');
  });

  test('for development only are left out of releases, and nothing of a release may need them', async () => {
    const { spec } = await load(`${services}accessories: { mail: { type: mailcatcher, when: dev } }\n`);
    const production = 'production' as EnvironmentName;
    expect(resolveEnvironment(spec, production).accessories).toEqual([]);
    expect(resolveEnvironment(spec, production).services[0]?.env).toEqual({});
    expect(resolveEnvironment(spec, production, { dev: true }).services[0]?.env).toHaveProperty('SMTP_URL');
    expect(
      await refusal(
        "accessories: { mail: { type: mailcatcher, when: dev } }\nenvironments: { production: { env: { M: '${accessories.mail.url}' } } }\n",
      ),
    ).toContain('mail is there under signalbox dev only');
  });

  test.each([
    ['accessories: { db: postgress }\n', 'postgres'],
    ['accessories: { api: postgres }\n', 'api is a service already'],
    ['accessories: { db: { type: postgres, verison: 16 } }\n', 'version'],
    ['accessories: { db: { type: postgres, version: latest } }\n', 'a version such as 16'],
    ['accessories: { db: { type: postgres, image: postgres } }\n', 'image with its version'],
    ['accessories: { db: { type: postgres, run: x } }\n', 'postgres knows its own run'],
    ['accessories: { db: { type: postgres, env: { POSTGRES_PASSWORD: x } } }\n', 'a password is made for db'],
    ['accessories: { db: { type: postgres, env: { POSTGRES_USER: pg_me } } }\n', 'pg_'],
    ['accessories: { x: { type: custom } }\n', 'expected image'],
    ['accessories: { x: custom }\n', 'expected image'],
    ['accessories: { x: { type: custom, run: y, persist: [../up] } }\n', 'expected a folder below'],
    ["accessories: { x: { type: custom, image: 'a:1', persist: ['/a/../b'] } }\n", 'plain absolute folder'],
    ["accessories: { x: { type: custom, run: y, env: { A: '${services.api.url}' } } }\n", 'starts before everything else'],
    ['environments: { production: { accessories: { db: { version: 16 } } } }\n', 'there is no accessory db'],
  ])('with a mistake are refused: %s', async (yaml, said) => {
    expect(await refusal(yaml)).toContain(said);
  });

  test('that nobody declared are refused with the nearest name and the place of the reference', async () => {
    const said = await refusal(
      "accessories: { cache: redis }\nenvironments: { production: { env: { A: '${accessories.cahce.url}', B: '${accessories.cache.user}' } } }\n",
    );
    expect(said).toMatch(/:4:\d+/);
    expect(said).toContain('there is no accessory cahce');
    expect(said).toContain('did you mean cache');
    expect(said).toContain('redis has no user');
  });
});
