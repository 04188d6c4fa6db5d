import { describe, expect, it } from 'vitest';
import { stateOfRelease } from '../../src/api/present-release.ts';
import { presentRollout } from '../../src/api/present-rollout.ts';
import { driftOf, presentEnvironment, straysOf } from '../../src/api/present-status.ts';
import { presentSteps } from '../../src/api/present-steps.ts';
import { rolloutBody } from '../../src/api/schemas.ts';
import { newEnvironment } from '../../src/domain/environment-state.ts';
import type { Rollout } from '../../src/domain/rollout/state.ts';
import { releaseUrls } from '../../src/domain/urls.ts';
import type { AppName, EnvironmentName, InstanceId, WallTime, WorkloadId } from '../../src/domain/values.ts';
import type { InstanceObservation } from '../../src/ports/runtime.ts';
import { idOf, newYear, production, release, rollout, service, shop } from './facts.ts';

const later = (ms: number): WallTime => (newYear + ms) as WallTime;
const one = release(1);
const two = release(2, { services: [service({ name: 'web', version: 2, replicas: 2 }), service({ name: 'api' })] });
const stepsOf = (changes: Partial<Rollout>, live: typeof one | null = one): string[] => {
  const built = rollout(two, changes, live === null ? {} : { live });
  return presentSteps(built, [], later(0)).map((step) => `${step.name}: ${step.state}`);
};
const workloads = two.services.map((each) => each.workload.id) as [WorkloadId, WorkloadId];
const started = { createdAt: newYear, startedAt: newYear, liveAt: null, endedAt: null, switchMs: null, restoreMs: null };

describe('the steps of a rollout', () => {
  it('all wait while it is queued', () => {
    expect(stepsOf({})).toEqual([
      'build web: waiting',
      'build api: waiting',
      'start web x2: waiting',
      'start api: waiting',
      'check the new release: waiting',
      'move all traffic: waiting',
      'check the route: waiting',
      'bake 1m: waiting',
    ]);
  });

  it('show which services are up already while it starts', () => {
    const health = { [workloads[0]]: { healthy: true, reason: null }, [workloads[1]]: { healthy: false, reason: null } };
    expect(stepsOf({ phase: 'starting', health }).slice(1, 5)).toEqual([
      'build api: done',
      'start web x2: done',
      'start api: running',
      'check the new release: waiting',
    ]);
  });

  it('show where it failed, and skip what never began', () => {
    const health = { [workloads[0]]: { healthy: true, reason: null }, [workloads[1]]: { healthy: false, reason: null } };
    expect(stepsOf({ phase: 'failed', health, times: started }).slice(2)).toEqual([
      'start web x2: done',
      'start api: failed',
      'check the new release: skipped',
      'move all traffic: skipped',
      'check the route: skipped',
      'bake 1m: skipped',
    ]);
  });

  it('show which build failed, and that no release command came after it', () => {
    const reason = { code: 'BUILD_FAILED', message: 'The build of api failed (exit 1).', service: 'api' };
    expect(stepsOf({ phase: 'failed', reason, times: started }).slice(0, 3)).toEqual([
      'build web: done',
      'build api: failed',
      'start web x2: skipped',
    ]);
  });

  it('end with the rollback of a bake that failed, and its length', () => {
    const undone = rollout(
      two,
      { phase: 'rolled-back', step: 0, stepServed: true, routeSmokePassed: true, times: { ...started, restoreMs: 31 } },
      { live: one },
    );
    const steps = presentSteps(undone, [{ phase: 'baking', at: later(5) }], later(20));
    expect(steps.slice(-3)).toEqual([
      { name: 'check the route', state: 'done' },
      { name: 'bake 1m', state: 'failed', durationMs: 15 },
      { name: 'roll back', state: 'done', durationMs: 31 },
    ]);
  });

  it('are all done when it has succeeded', () => {
    expect(stepsOf({ phase: 'succeeded' }).filter((step) => !step.endsWith(': done'))).toEqual([]);
  });

  it('of a canary count its weights', () => {
    const canary = release(3, { strategy: { ...two.strategy, type: 'canary', steps: [1000, 5000] } });
    const steps = presentSteps(rollout(canary, { phase: 'shifting', step: 1, stepServed: true }, { live: one }), [], later(0));
    expect(steps.filter((step) => step.name.startsWith('move')).map((step) => [step.name, step.state])).toEqual([
      ['move 10% of traffic', 'done'],
      ['move 50% of traffic', 'running'],
      ['move all traffic', 'waiting'],
    ]);
  });
});

describe('a rollout as its body', () => {
  const bodyOf = (
    changes: Partial<Rollout>,
    environment = newEnvironment({ app: shop, environment: production, candidateToken: 'x' }),
  ) =>
    rolloutBody.parse(
      presentRollout({ rollout: rollout(two, changes, { live: one }), release: two, environment, phases: [], now: later(5000) }),
    );

  it('names the release that goes on serving when it fails before any traffic was moved', () => {
    expect(bodyOf({ phase: 'failed', from: null, trafficMoved: false }).from).toBe('v1');
    expect(bodyOf({ phase: 'rolled-back', from: null, trafficMoved: true }).from).toBeNull();
  });

  it('is live from the moment every worker serves it until it is taken back', () => {
    expect(bodyOf({ phase: 'shifting', step: 0, stepServed: false }).live).toBe(false);
    expect(bodyOf({ phase: 'shifting', step: 0, stepServed: true }).live).toBe(true);
    expect(bodyOf({ phase: 'baking' }).live).toBe(true);
    expect(bodyOf({ phase: 'held', heldIn: 'baking' }).live).toBe(true);
    expect(bodyOf({ phase: 'rolling-back', step: 0, stepServed: true }).live).toBe(false);
    expect(bodyOf({ phase: 'rolled-back', step: 0, stepServed: true }).live).toBe(false);
  });

  it('shows the traffic as it is, then as it was left', () => {
    const split = {
      ...newEnvironment({ app: shop, environment: production, candidateToken: 'x' }),
      arms: [
        { release: idOf(1), weight: 7500, role: 'stable' as const },
        { release: idOf(2), weight: 2500, role: 'canary' as const },
      ],
    };
    expect(bodyOf({ phase: 'shifting' }, split).weights).toEqual([
      { release: 'v1', percent: 75 },
      { release: 'v2', percent: 25 },
    ]);
    expect(bodyOf({ phase: 'rolled-back' }, split).weights).toEqual([{ release: 'v1', percent: 100 }]);
    expect(bodyOf({ phase: 'succeeded' }, split).weights).toEqual([{ release: 'v2', percent: 100 }]);
  });

  it('measures up to its end, or to now', () => {
    expect(bodyOf({}).durationMs).toBe(5000);
    expect(bodyOf({ phase: 'succeeded', times: { ...started, endedAt: later(1200) } }).durationMs).toBe(1200);
  });

  it('carries the reason with the log of the app', () => {
    expect(
      bodyOf({ phase: 'failed', reason: { code: 'INTERNAL', message: 'It exits.', service: 'web', log: ['boom'] } }).reason,
    ).toEqual({ code: 'INTERNAL', message: 'It exits.', service: 'web', log: ['boom'] });
  });

  it('survives a release that is no longer kept', () => {
    const body = presentRollout({ rollout: rollout(two), release: null, environment: null, phases: [], now: newYear });
    expect(rolloutBody.parse(body)).toMatchObject({ sha: '', release: 'v2', app: 'shop' });
  });
});

describe('an environment as its status', () => {
  const environment = {
    ...newEnvironment({ app: shop, environment: production, candidateToken: 'x' }),
    arms: [{ release: one.id, weight: 10_000, role: 'stable' as const }],
  };
  const workload = one.services[0]?.workload.id as WorkloadId;
  const instance = (changes: Partial<InstanceObservation> = {}): InstanceObservation => ({
    instance: `${workload}.0` as InstanceId,
    workload,
    state: 'running',
    endpoint: null,
    listening: false,
    startedAt: newYear,
    restarts: 0,
    lastExit: null,
    fault: null,
    memory: 50 * 1024 ** 2,
    ...changes,
  });
  const facts = {
    environment,
    rollout: null,
    declared: [{ workload, release: one.id, replicas: 2 }],
    releases: new Map([[one.id, one]]),
    strays: [],
    httpPort: 8080,
  };

  it('adds up what its instances use and says why one is not well', () => {
    const crashing = instance({
      state: 'backing-off',
      restarts: 4,
      memory: null,
      lastExit: { code: 1, signal: null, reason: 'exited', at: newYear },
    });
    const body = presentEnvironment({ ...facts, observed: [instance(), crashing] });
    expect(body.services).toEqual([
      {
        service: 'web',
        release: 'v1',
        kind: 'web',
        declared: 2,
        running: 1,
        restarts: 4,
        memoryMb: 50,
        fault: 'It exits with 1 again and again; the next start waits.',
      },
    ]);
    expect(body.drift).toEqual(['web of v1: 2 declared, 1 running.']);
  });

  it('has no drift when all is as declared, or still coming up', () => {
    expect(driftOf({ ...facts, observed: [instance(), instance()] })).toEqual([]);
    expect(driftOf({ ...facts, observed: [instance(), instance({ state: 'starting' })] })).toEqual([]);
  });

  it('names what runs though nothing declares it, at the environment it belongs to', () => {
    const other = newEnvironment({ app: shop, environment: 'production-eu' as EnvironmentName, candidateToken: 'x' });
    const foreign = newEnvironment({ app: 'shopping' as AppName, environment: production, candidateToken: 'x' });
    const stray = instance({ workload: 'shop-production-eu-web-000000000009' as WorkloadId });
    const stopped = instance({ workload: 'shop-production-web-000000000008' as WorkloadId, state: 'stopped' });
    const found = straysOf([environment, other, foreign], facts.declared, [instance(), stray, stopped]);
    expect([...found.keys()]).toEqual(['shop/production-eu']);
  });

  it('shows an address per route once, the default host as localhost', () => {
    const routes = [
      { host: '*', path: '/', stripPath: false },
      { host: 'web.localhost', path: '/a', stripPath: false },
      { host: 'web.localhost', path: '/a', stripPath: false },
    ];
    const [web] = one.services;
    if (web === undefined) throw new Error('no service');
    expect(releaseUrls({ ...one, services: [{ ...web, routes }] }, 80)).toEqual(['http://localhost/', 'http://web.localhost/a']);
  });

  it('tells live, candidate, warm and kept releases apart', () => {
    const rolling = rollout(release(3), { phase: 'baking' }, { live: two });
    const moved = { ...environment, arms: [{ release: idOf(3), weight: 10_000, role: 'stable' as const }] };
    expect([1, 2, 3].map((number) => stateOfRelease(idOf(number), moved, [rolling]))).toEqual(['kept', 'warm', 'live']);
    expect(stateOfRelease(idOf(3), environment, [rolling])).toBe('candidate');
  });
});
