import { describe, expect, test } from 'vitest';
import {
  type AccessorySpec,
  type AccessoryType,
  accessoryFields,
  accessoryId,
  accessoryTypes,
  accessoryValues,
  accessoryWorkload,
  isAccessoryId,
  sameAccessory,
} from '../../src/domain/accessories.ts';
import { resolveReferences } from '../../src/domain/links.ts';
import { type AppName, type EnvironmentName, millis, type ServiceName, type WorkloadId } from '../../src/domain/values.ts';

const spec = (type: AccessoryType, more: Partial<AccessorySpec> = {}): AccessorySpec => ({
  name: 'db' as ServiceName,
  type,
  deadline: millis(60_000),
  env: {},
  persist: [],
  resources: {},
  when: 'always',
  ...more,
});
const place = (runtime: 'process' | 'docker') =>
  ({ app: 'shop' as AppName, environment: 'production' as EnvironmentName, runtime }) as const;
const password = 'x-secret_1';
const facts = (runtime: 'process' | 'docker') => ({ runtime, inside: { host: '127.0.0.1', port: 21_000 }, password }) as const;

describe('the id of an accessory', () => {
  test('names it and stays the same when its configuration changes', () => {
    const ids = [spec('postgres'), spec('postgres', { version: '15', env: { A: 'b' } })].map(
      (one) => accessoryWorkload(one, place('docker')).id,
    );
    expect(new Set(ids).size).toBe(1);
    expect(isAccessoryId(ids[0] as WorkloadId)).toBe(true);
    expect(isAccessoryId('shop-production-accessory-0123456789ab' as WorkloadId)).toBe(false);
  });

  test('is never shared by two environments, whatever dashes their names have', () => {
    const one = accessoryId('a-b' as AppName, 'c' as EnvironmentName, 'd');
    expect(accessoryId('a' as AppName, 'b-c' as EnvironmentName, 'd')).not.toBe(one);
  });
});

describe('an accessory as a workload', () => {
  test('is an image by type and version on Docker, and a program of the system as a process', () => {
    const docker = accessoryWorkload(spec('postgres', { version: '16' }), place('docker'));
    expect(docker.artifact.given).toEqual({ image: 'postgres:16' });
    expect(docker.port).toBe(5432);
    expect(docker.persist).toEqual(['/var/lib/postgresql/data']);
    const process = accessoryWorkload(spec('postgres'), place('process'));
    expect(process.artifact.given).toEqual({ system: 'postgres' });
    expect(process.persist).toEqual(['data']);
    expect(process.stopSignal).toBe('SIGINT');
  });

  test('never names an image without its version', () => {
    for (const type of accessoryTypes.filter((t) => t !== 'custom')) {
      const { given } = accessoryWorkload(spec(type), place('docker')).artifact;
      expect(given).toHaveProperty('image', expect.stringMatching(/:v?\d/));
    }
  });

  test.each(['process', 'docker'] as const)('carries no password of its own (%s): its variables refer to it', (runtime) => {
    for (const type of accessoryTypes) {
      const one = type === 'custom' ? spec(type, { run: 'x', env: { P: '${accessories.db.password}' } }) : spec(type);
      const workload = accessoryWorkload(one, place(runtime));
      const values = accessoryValues(one, facts(runtime));
      const env = resolveReferences(
        workload.env,
        () => 'no service',
        (name, field) => {
          expect(name).toBe('db');
          return values[field] ?? 'missing';
        },
      );
      expect(JSON.stringify(workload)).not.toContain(password);
      expect(Object.values(env)).not.toContain('missing');
      if (type !== 'mailcatcher') expect(Object.values(env)).toContain(password);
    }
  });

  test('gives every field it promises', () => {
    for (const type of accessoryTypes) {
      const values = accessoryValues(spec(type), facts('process'));
      for (const field of accessoryFields[type]) expect(values[field], `${type} ${field}`).toBeTruthy();
    }
    expect(accessoryValues(spec('postgres', { env: { POSTGRES_USER: 'me' } }), facts('process'))['url']).toBe(
      `postgres://me:${password}@127.0.0.1:21000/me`,
    );
  });

  test('asks for the same thing whatever the order of its variables, and for another with another version', () => {
    expect(sameAccessory(spec('redis', { env: { A: '1', B: '2' } }), spec('redis', { env: { B: '2', A: '1' } }))).toBe(true);
    expect(sameAccessory(spec('redis'), spec('redis', { version: '7' }))).toBe(false);
    expect(sameAccessory(spec('redis'), spec('redis', { deadline: millis(1) }))).toBe(true);
  });
});
