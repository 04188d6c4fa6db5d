import { describe, expect, test } from 'vitest';
import { placeAccessories, type PlacementFacts } from '../../src/dev/accessory-places.ts';
import type { AccessorySpec } from '../../src/domain/accessories.ts';
import { SignalboxError } from '../../src/domain/errors.ts';

const specOf = (type: AccessorySpec['type'], more: Partial<AccessorySpec> = {}): AccessorySpec =>
  ({
    name: type,
    type,
    env: {},
    persist: [],
    resources: {},
    deadline: 1000,
    when: 'always',
    ...more,
  }) as unknown as AccessorySpec;
const lacks =
  (...types: string[]): PlacementFacts['obstacle'] =>
  ({ name, type }) =>
    types.includes(type) ? new SignalboxError('ACCESSORY_UNAVAILABLE', `${name}: this system has no ${type}.`) : null;
const facts = (more: Partial<PlacementFacts>): PlacementFacts => ({
  asked: undefined,
  last: () => undefined,
  obstacle: lacks(),
  engineTrouble: () => Promise.resolve(null),
  ...more,
});
const away = (): Promise<string> => Promise.resolve('no Docker engine answers.');
const kinds = async (specs: readonly AccessorySpec[], more: Partial<PlacementFacts>): Promise<string[]> =>
  (await placeAccessories(specs, facts(more))).placed.map(({ kind }) => kind);

describe('what accessories run as at the desk', () => {
  const two = [specOf('postgres'), specOf('redis')];

  test('processes where they can, and nobody asks for an engine then', async () => {
    const engineTrouble = (): Promise<null> => Promise.reject(new Error('the engine was asked'));
    expect(await kinds(two, { engineTrouble })).toEqual(['process', 'process']);
  });

  test('a missing package makes that one a container, and says so', async () => {
    const { placed } = await placeAccessories(two, facts({ obstacle: lacks('redis') }));
    expect(placed.map(({ kind }) => kind)).toEqual(['process', 'docker']);
    expect(placed[1]?.note).toBe('runs as a container: this system has no redis.');
  });

  test('a missing package without an engine is refused with both reasons', async () => {
    await expect(placeAccessories(two, facts({ obstacle: lacks('redis'), engineTrouble: away }))).rejects.toMatchObject({
      code: 'ACCESSORY_UNAVAILABLE',
      message: 'redis: this system has no redis. As a container neither: no Docker engine answers.',
    });
  });

  test('processes that were asked for are never containers', async () => {
    await expect(placeAccessories(two, facts({ asked: 'process', obstacle: lacks('redis') }))).rejects.toMatchObject({
      code: 'ACCESSORY_UNAVAILABLE',
    });
    expect(await kinds(two, { asked: 'process', last: () => 'docker' })).toEqual(['process', 'process']);
  });

  test('containers that were asked for need an engine; what has no image stays a process', async () => {
    const own = specOf('custom', { run: 'node thing.mjs' });
    expect(await kinds([...two, own], { asked: 'docker' })).toEqual(['docker', 'docker', 'process']);
    await expect(placeAccessories(two, facts({ asked: 'docker', engineTrouble: away }))).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });

  test('what ran as a container stays one, and a switch of either kind is said', async () => {
    expect(await kinds(two, { last: () => 'docker' })).toEqual(['docker', 'docker']);
    const without = await placeAccessories([specOf('postgres')], facts({ last: () => 'docker', engineTrouble: away }));
    expect(without.placed[0]).toMatchObject({ kind: 'process', note: expect.stringContaining('not in here') as string });
    const switched = await placeAccessories([specOf('postgres')], facts({ asked: 'docker', last: () => 'process' }));
    expect(switched.placed[0]?.note).toContain('not in here');
  });
});
