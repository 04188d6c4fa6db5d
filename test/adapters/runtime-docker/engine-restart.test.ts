import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Epoch } from '../../../src/domain/values.ts';
import { ask, eventually, serving, workloadOf } from '../../conformance/runtime.ts';
import { makeOwnEngine, type OwnEngine, whyNoOwnEngine } from '../../docker/own-engine.ts';
import { type DockerPlace, makePlace } from './place.ts';

const missing = whyNoOwnEngine();
const epoch = 1 as Epoch;
let engine: OwnEngine;
let place: DockerPlace;

beforeAll(async () => {
  if (missing === null) engine = await makeOwnEngine();
}, 120_000);
afterAll(async () => {
  if (missing === null) await engine.remove();
}, 60_000);
beforeEach(async (ctx) => {
  if (missing !== null) ctx.skip(missing);
  else place = await makePlace(engine.socket);
});
afterEach(async () => {
  if (missing === null) await place.remove();
});

describe('an engine that is restarted', () => {
  it('ends its containers: that is no verdict on them, and they are back at the same addresses', async () => {
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, { replicas: 2, env: {}, epoch });
    const before = await serving(runtime, workload, 2);
    await engine.stop();
    await expect(runtime.observe()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await expect(runtime.ensure(workload, { replicas: 3, env: {}, epoch })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await engine.start();
    const after = await eventually('them to be back', () => serving(runtime, workload, 2), 40_000);
    expect(after.map(({ instance }) => instance.endpoint)).toEqual(before.map(({ instance }) => instance.endpoint));
    for (const { instance } of after) {
      expect(instance.restarts).toBe(0);
      expect([null, 'unobserved']).toContain(instance.lastExit?.reason ?? null);
    }
  }, 120_000);

  it('under live-restore leaves them serving all the while', async () => {
    await engine.stop();
    await engine.start('--live-restore');
    const runtime = place.open();
    const workload = workloadOf(await place.artifact('healthy'));
    await runtime.ensure(workload, { replicas: 1, env: {}, epoch });
    const [before] = await serving(runtime, workload);
    if (!before) throw new Error('Nothing serves.');
    await engine.stop();
    expect((await ask(before.instance)).life).toBe(before.answer.life);
    await expect(runtime.observe()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect((await ask(before.instance)).life).toBe(before.answer.life);
    await engine.start('--live-restore');
    const [after] = await eventually('it to be seen', () => serving(runtime, workload), 40_000);
    expect(after?.answer.life).toBe(before.answer.life);
    expect(after?.instance).toMatchObject({ restarts: 0, lastExit: null, startedAt: before.instance.startedAt });
  }, 120_000);
});
