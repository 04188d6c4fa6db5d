import { expect, test } from 'vitest';
import { loadAppSpec } from '../../src/config/load.ts';
import { resolveEnvironment } from '../../src/domain/environment.ts';
import type { EnvironmentName } from '../../src/domain/values.ts';
import { memoryReader } from '../config/memory-reader.ts';

const yaml = `app: shop
services:
  web: { run: a, replicas: 3, route: { host: shop.test }, env: { STAGE: live, A: '1' } }
  api: { run: b, route: { host: shop.test, path: /api } }
  docs: { static: ., route: { host: docs.shop.test } }
  job: { run: c }
smoke: [/, { path: /x, host: shop.test }]
environments:
  staging: { hosts: { web: staging.shop.test }, replicas: { web: 1 }, env: { STAGE: staging }, strategy: rolling }
`;
const spec = (await loadAppSpec(memoryReader({ 'signalbox.yaml': yaml }))).spec;
const at = (name: string) => resolveEnvironment(spec, name as EnvironmentName);
const hosts = (name: string) =>
  Object.fromEntries(at(name).services.map((service) => [service.name, service.routes.map((route) => route.host).join()]));

test('production is the app as declared', () => {
  expect(hosts('production')).toEqual({ web: 'shop.test', api: 'shop.test', docs: 'docs.shop.test', job: '' });
  expect(at('production').services[0]?.replicas).toBe(3);
  expect(at('production').strategy.type).toBe('blue-green');
});

test('services that share a host follow it into the environment, every other host gets the environment in front', () => {
  expect(hosts('staging')).toEqual({
    web: 'staging.shop.test',
    api: 'staging.shop.test',
    docs: 'staging.docs.shop.test',
    job: '',
  });
  expect(at('staging').smoke[1]?.host).toBe('staging.shop.test');
});

test('variables, replicas and strategy of the environment win', () => {
  const [web, , docs, job] = at('staging').services;
  expect(web).toMatchObject({ replicas: 1, env: { STAGE: 'staging', A: '1' } });
  expect(job?.env).toEqual({ STAGE: 'staging' });
  expect(docs?.env).toEqual({});
  expect(at('staging').strategy.type).toBe('rolling');
});

test('an environment that is not declared is refused, whatever its name', () => {
  for (const name of ['preview', 'constructor', '__proto__'])
    expect(() => at(name)).toThrow(expect.objectContaining({ code: 'UNKNOWN_ENVIRONMENT' }));
});
