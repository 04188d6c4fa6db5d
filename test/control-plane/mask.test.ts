import { expect, it } from 'vitest';
import { memoryHome, openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { createMask, maskedPasswords, maskedStore } from '../../src/control-plane/mask.ts';
import type { Reason } from '../../src/domain/rollout/state.ts';
import { instant, type RolloutId } from '../../src/domain/values.ts';
import { aRelease, aRollout, anEnvironment, anEvent, production, shop } from '../conformance/store-documents.ts';

it('masks reasons and events on their way into the store, and nothing that programs go by', async () => {
  const mask = createMask();
  mask.learn(['shop', 'hunter2-hunter2']);
  const store = maskedStore(openMemoryStore(memoryHome()), mask);
  const { epoch } = await store.acquire();
  const said = `it is ${Buffer.from('hunter2-hunter2').toString('base64')} of hunter2-hunter2`;
  const reason: Reason = { code: 'COMMAND_FAILED', message: said, service: 'web', log: [said, 'fine'] };
  const release = aRelease(1);
  const rollout = { ...aRollout({ id: 'r1', release, phase: 'failed' }), reason };
  const event = anEvent('rollout.failed', { body: { release: release.id, reason, note: said } });
  await store.commit({
    epoch,
    at: instant(1),
    environments: [anEnvironment({ revision: 0 })],
    releases: [release],
    rollouts: [rollout],
    events: [event],
  });
  const masked = { code: 'COMMAND_FAILED', message: 'it is *** of ***', service: 'web', log: ['it is *** of ***', 'fine'] };
  expect((await store.rollout('r1' as RolloutId))?.reason).toEqual(masked);
  const [kept] = await store.atOnce.events({ limit: 10 });
  expect(kept).toMatchObject({ app: shop, environment: production });
  expect(kept?.body).toEqual({ release: release.id, reason: masked, note: 'it is *** of ***' });
  expect(await store.release(release.id)).toEqual(release);
});

it('knows the password of an accessory before anybody else does', async () => {
  const mask = createMask();
  const passwords = maskedPasswords({ of: () => Promise.resolve('pass-of-the-db'), forget: () => Promise.resolve() }, mask);
  const given = await passwords.of({ app: shop, environment: production, accessory: 'db' });
  expect(mask.mask(`postgres://app:${given}@localhost/app`)).toBe('postgres://app:***@localhost/app');
});

it('goes on masking what was learnt before', () => {
  const mask = createMask();
  mask.learn(['first-value']);
  expect(mask.mask('first-value second-value')).toBe('*** second-value');
  mask.learn(['second-value', 'first-value']);
  expect(mask.mask('first-value second-value')).toBe('*** ***');
});
