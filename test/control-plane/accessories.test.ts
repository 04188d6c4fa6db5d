import { describe, expect, it } from 'vitest';
import type { AccessorySpec } from '../../src/domain/accessories.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { type AppName, type EnvironmentName, millis, type ServiceName } from '../../src/domain/values.ts';
import type { Accepted, AccessoryRequest } from '../../src/control-plane/commands.ts';
import { install, web } from './plant-kit.ts';

type Box = Awaited<ReturnType<typeof install>>;

const db = 'shop-production-db-accessory-4-10';
const spec = (name: string, more: Partial<AccessorySpec> = {}): AccessorySpec => ({
  name: name as ServiceName,
  type: 'redis',
  deadline: millis(20_000),
  env: {},
  persist: [],
  resources: {},
  when: 'always',
  ...more,
});

/** A commit whose services know the database, and which declares these accessories. */
function declaring(box: Box, version: number, accessories: readonly AccessorySpec[]): string {
  const sha = box.commit({ services: [web(version)] });
  const release = box.release(sha);
  const services = release.services.map((s) => ({
    ...s,
    workload: { ...s.workload, env: accessories.length === 0 ? {} : { REDIS_URL: '${accessories.db.url}' } },
  }));
  box.draw({ ...release, services, ...(accessories.length === 0 ? {} : { accessories }) });
  return sha;
}
const deploy = (box: Box, sha: string): Promise<Accepted> => box.accepted(box.plane.commands.deploy(box.request(sha)));
const act = (box: Box, what: AccessoryRequest['act']): Promise<void | undefined> =>
  box.during(
    box.plane.commands.accessory({
      app: 'shop' as AppName,
      environment: 'production' as EnvironmentName,
      name: 'db',
      act: what,
      deleteData: false,
    }),
  );
const touching = (box: Box): readonly string[] => box.runtime.journal.filter((line) => line.includes(db));

describe('accessories', () => {
  it('are healthy before anything of the release is started', async () => {
    const box = await install();
    box.runtime.programs.set(db, { healthy: (age) => age > 5000 });
    const { rolloutId } = await deploy(box, declaring(box, 1, [spec('db')]));
    await box.until(() => box.runtime.count(db) === 1);
    await box.time.pass(4000);
    expect(box.phase(rolloutId)).toBe('preparing');
    expect(box.runtime.running()).toEqual([db]);
    await box.ends(rolloutId, 'succeeded');
    expect(box.runtime.journal).toEqual([`ensure ${db} x1`, 'ensure shop-production-web-1 x1']);
  });

  it('that do not come up within their deadline fail the rollout with their last words, and nothing else is started', async () => {
    const box = await install();
    box.runtime.programs.set(db, { healthy: () => false, log: ['no space for the data'] });
    const { rolloutId } = await deploy(box, declaring(box, 1, [spec('db')]));
    await box.ends(rolloutId, 'failed');
    expect(box.rollout(rolloutId).reason).toMatchObject({
      code: 'ACCESSORY_UNHEALTHY',
      service: 'db',
      log: ['no space for the data'],
    });
    expect(box.runtime.running()).toEqual([db]);
  });

  it.each(['START_FAILED', 'ARTIFACT_MISSING', 'REGISTRY_REFUSED', 'REGISTRY_UNAVAILABLE'] as const)(
    'that cannot be started at all fail it at once: %s',
    async (code) => {
      const box = await install();
      box.runtime.programs.set(db, { refusesToStart: new SignalboxError(code, 'initdb ended with 1') });
      const { rolloutId } = await deploy(box, declaring(box, 1, [spec('db')]));
      const began = box.time.now;
      await box.ends(rolloutId, 'failed');
      expect(box.time.now - began).toBeLessThan(10_000);
      expect(box.rollout(rolloutId).reason?.message).toContain('initdb ended with 1');
    },
  );

  it('that say their last words in a line without end bring the store and the answers only its beginning', async () => {
    const box = await install();
    box.runtime.programs.set(db, { healthy: () => false, log: [`no space ${'x'.repeat(1_000_000)}`] });
    const { rolloutId } = await deploy(box, declaring(box, 1, [spec('db')]));
    await box.ends(rolloutId, 'failed');
    const [line = ''] = box.rollout(rolloutId).reason?.log ?? [];
    expect(line).toContain('no space xxx');
    expect(line.length).toBeLessThan(10_000);
  });

  it('are touched by no release and no way back, whatever these declare', async () => {
    const box = await install();
    const first = await deploy(box, declaring(box, 1, [spec('db')]));
    await box.ends(first.rolloutId, 'succeeded');
    const changed = declaring(box, 2, [spec('db', { version: '8' })]);
    const plan = await box.during(box.plane.commands.plan(box.request(changed)));
    expect(plan?.operations).toContain('keep db as it runs');
    expect(plan?.notes.join()).toContain('signalbox accessories apply db');
    const second = await deploy(box, changed);
    await box.ends(second.rolloutId, 'succeeded');
    expect(box.home.tables.environments.get('shop/production')?.accessories?.['db']).not.toHaveProperty('version');
    const third = await deploy(box, declaring(box, 3, []));
    await box.ends(third.rolloutId, 'succeeded');
    const back = await box.rollback({ to: 1 });
    await box.ends(back.rolloutId, 'succeeded');
    await box.time.pass(15_000);
    expect(touching(box)).toEqual([`ensure ${db} x1`]);
  });

  it('are the same after the death of the control plane, in the first start as in any other moment', async () => {
    const box = await install();
    box.runtime.programs.set(db, { healthy: (age) => age > 3000 });
    const { rolloutId } = await deploy(box, declaring(box, 1, [spec('db')]));
    await box.until(() => box.runtime.count(db) === 1);
    await box.restart();
    await box.ends(rolloutId, 'succeeded');
    await box.restart();
    await box.time.pass(15_000);
    expect(box.runtime.count(db)).toBe(1);
    expect(touching(box).filter((line) => line.startsWith('stop'))).toEqual([]);
  });

  it('become what the release with traffic declares when a person applies it, and only then', async () => {
    const box = await install();
    await box.ends((await deploy(box, declaring(box, 1, [spec('db')]))).rolloutId, 'succeeded');
    await box.ends((await deploy(box, declaring(box, 2, [spec('db', { version: '8' })]))).rolloutId, 'succeeded');
    await act(box, 'apply');
    await box.until(() => touching(box).length === 3);
    expect(touching(box)).toEqual([`ensure ${db} x1`, `stop ${db}`, `ensure ${db} x1`]);
    expect(box.home.tables.environments.get('shop/production')?.accessories?.['db']).toMatchObject({ version: '8' });
    await act(box, 'apply');
    await box.time.pass(10_000);
    expect(touching(box)).toHaveLength(3);
  });

  it('of PostgreSQL are not given to a major version that cannot read their data', async () => {
    const box = await install();
    const postgres = (version: string): AccessorySpec => spec('db', { type: 'postgres', version });
    await box.ends((await deploy(box, declaring(box, 1, [postgres('15')]))).rolloutId, 'succeeded');
    await box.ends((await deploy(box, declaring(box, 2, [postgres('16')]))).rolloutId, 'succeeded');
    await expect(act(box, 'apply')).rejects.toMatchObject({ code: 'ACCESSORY_CHANGED' });
    expect(touching(box)).toEqual([`ensure ${db} x1`]);
  });

  it('are removed by a person, once no release that is needed declares them', async () => {
    const box = await install();
    await box.ends((await deploy(box, declaring(box, 1, [spec('db')]))).rolloutId, 'succeeded');
    await expect(act(box, 'remove')).rejects.toMatchObject({ code: 'ACCESSORY_IN_USE' });
    await box.ends((await deploy(box, declaring(box, 2, []))).rolloutId, 'succeeded');
    await box.time.pass(15_000);
    expect(box.runtime.running()).toContain(db);
    await act(box, 'remove');
    await box.time.pass(10_000);
    expect(box.runtime.running()).toEqual(['shop-production-web-2']);
    await expect(act(box, 'restart')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('that crash are said to be ill, and no service is stopped for it', async () => {
    const box = await install();
    await box.ends((await deploy(box, declaring(box, 1, [spec('db')]))).rolloutId, 'succeeded');
    const before = box.runtime.journal.length;
    box.runtime.crash(db);
    await box.time.pass(10_000);
    expect(box.runtime.journal.slice(before)).toEqual([]);
    expect(box.plane.level(db as never).healthy).toBe(true);
  });
});
