import { afterEach, expect, it } from 'vitest';
import * as schemas from '../../src/api/schemas.ts';
import { SignalboxError } from '../../src/domain/errors.ts';
import { release } from './facts.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

let at: StandIn;
afterEach(async () => at.close());

const get = (path: string): Promise<Response> => fetch(`${at.url}${path}`, { headers: { authorization: `Bearer ${at.token}` } });

/** A runtime that answers a look with this error. */
async function blindTo(error: Error): Promise<void> {
  const one = release(1);
  at = await startStandIn({
    declared: [{ workload: one.services[0]?.workload.id as never, release: one.id, replicas: 2 }],
    api: {
      runtime: {
        observe: async () => {
          throw error;
        },
        logs: () => none(),
      },
    },
  });
  await at.write({
    releases: [one],
    environment: { arms: [{ release: one.id, weight: 10_000, role: 'stable' }], proven: one.id },
  });
}

async function* none(): AsyncGenerator<never> {}

it('an engine that is away hides what runs, and nothing else: status and doctor say so and go on', async () => {
  await blindTo(new SignalboxError('ENGINE_UNAVAILABLE', 'The engine does not answer.'));
  const answer = await get('/v1/status');
  expect(answer.status).toBe(200);
  const [shop] = schemas.statusBody.parse(await answer.json()).environments;
  expect(shop).toMatchObject({
    release: 'v1',
    drift: [
      'What runs cannot be seen: The engine does not answer. (ENGINE_UNAVAILABLE) Start it, or set SIGNALBOX_DOCKER_HOST to its socket. What runs goes on running.',
    ],
  });
  expect(shop?.services[0]?.fault).toContain('not known');
  const doctor = schemas.doctorBody.parse(await (await get('/v1/doctor')).json());
  expect(doctor.checks.find((check) => check.name === 'drift')).toMatchObject({ state: 'warning' });
});

it('any other failure to look is an error still', async () => {
  await blindTo(new Error('broken'));
  expect((await get('/v1/status')).status).toBe(500);
});
