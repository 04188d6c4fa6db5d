import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Epoch } from '../../../src/domain/values.ts';
import { eventually, instancesOf, serving, workloadOf } from '../../conformance/runtime.ts';
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

/** One that serves, with nobody left who looks after it. */
async function unwatched() {
  const runtime = place.open();
  const workload = workloadOf(await place.artifact('healthy'));
  await runtime.ensure(workload, { replicas: 1, env: {}, epoch });
  const [before] = await serving(runtime, workload);
  await runtime.close();
  await place.keeper.call('stop', { epoch, id: 'signalbox-warden', graceMs: 5000 });
  return { workload, before };
}

describe('an end that no warden saw', () => {
  it('of an engine that was restarted meanwhile is no crash', async () => {
    const { workload, before } = await unwatched();
    await engine.stop();
    await engine.start();
    const runtime = place.open(2);
    const [after] = await eventually('it to be back', () => serving(runtime, workload), 40_000);
    expect(after?.instance).toMatchObject({
      restarts: 0,
      endpoint: before?.instance.endpoint,
      lastExit: { reason: 'unobserved' },
    });
  }, 120_000);

  it('by itself, while the engine was there, is one', async () => {
    const { workload } = await unwatched();
    const [container] = await place.containers();
    await place.engine.call('POST', `/containers/${container?.Id}/kill`, { query: { signal: 'SIGKILL' } });
    await eventually('its end', async () => (await place.containers())[0]?.State === 'exited');
    const runtime = place.open(2);
    await eventually('it to be back', () => serving(runtime, workload), 40_000);
    expect((await instancesOf(runtime, workload))[0]).toMatchObject({
      restarts: 1,
      lastExit: { signal: 'SIGKILL', reason: 'exited' },
    });
  }, 120_000);
});
