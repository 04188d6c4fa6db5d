import { describe, expect, it } from 'vitest';
import type { RolloutEvent } from '../../../src/domain/rollout/events.ts';
import type { Reason, Rollout } from '../../../src/domain/rollout/state.ts';
import { transition } from '../../../src/domain/rollout/transition.ts';
import { instant, type RolloutId, type WorkloadId } from '../../../src/domain/values.ts';
import { type ServiceSketch, sketchRelease, World } from './world.ts';

const sick: Reason = { code: 'INSTANCE_UNHEALTHY', message: 'GET /health answered 503' };
const web = 'shop-production-web-1' as WorkloadId;
const api = 'shop-production-api-1' as WorkloadId;
const service = (name: string, more: Partial<ServiceSketch> = {}): ServiceSketch => ({
  name,
  kind: 'web',
  version: 1,
  replicas: 1,
  ...more,
});

function starting(smoke = false): Rollout {
  const world = new World();
  const services = [service('web'), service('api')];
  const queued = world.request('deploy', sketchRelease(1, { strategy: 'blue-green', warm: true, smoke, services }));
  const preparing = transition(queued, { type: 'started', wall: 0 as never, ready: false, counts: {} }, instant(0)).rollout;
  return after(preparing, 0, { type: 'built', effect: preparing.outstanding[0]?.id ?? '' });
}

const after = (rollout: Rollout, at: number, ...events: readonly RolloutEvent[]): Rollout =>
  events.reduce((r, event) => transition(r, event, instant(at)).rollout, rollout);

const healthy = (workload: WorkloadId): RolloutEvent => ({ type: 'healthy', workload });
const unhealthy = (workload: WorkloadId): RolloutEvent => ({ type: 'unhealthy', workload, reason: sick });
const smokePassed = (r: Rollout): RolloutEvent => ({ type: 'smoke-passed', effect: r.outstanding[0]?.id ?? '' });

describe('the clock of a rollout', () => {
  it('starts with the first instance: what a build or a scratch copy took before does not count', () => {
    const waiting = after(starting(), 100_000, { type: 'tick' });
    const started = after(waiting, 100_000, { type: 'instance-started', workload: web });
    expect(started.deadline).toBe(160_000);
    expect(after(started, 160_000, { type: 'tick' }).phase).toBe('failed');
  });

  it('is extended by progress, not by an instance that flaps', () => {
    const once = after(starting(), 50_000, healthy(web));
    expect(once.deadline).toBe(110_000);
    const again = after(once, 100_000, unhealthy(web), healthy(web));
    expect(again.deadline).toBe(110_000);
    expect(after(again, 110_000, { type: 'tick' }).phase).toBe('failed');
  });

  it('runs on while one workload is well again and another is not', () => {
    const verified = after(starting(), 1000, healthy(web), healthy(api));
    expect(verified).toMatchObject({ phase: 'verifying', verified: true, deadline: null });
    const half = after(verified, 2000, unhealthy(web), unhealthy(api), healthy(web));
    expect(after(half, 62_000, { type: 'tick' }).phase).toBe('failed');
  });

  it('runs on when the smoke list passes while a workload is not healthy', () => {
    const verifying = after(starting(true), 1000, healthy(web), healthy(api), unhealthy(api));
    const smoked = after(verifying, 2000, smokePassed(verifying));
    expect(smoked.verified).toBe(true);
    expect(after(smoked, 70_000, { type: 'tick' }).phase).toBe('failed');
  });

  it('of a release that waits for its clearance only does not come back with a resume', () => {
    const sickOnce = after(after(starting(), 1000, healthy(web), healthy(api)), 2000, unhealthy(web));
    const resumed = after(sickOnce, 3000, { type: 'paused' }, healthy(web), { type: 'resumed' });
    expect(resumed).toMatchObject({ phase: 'verifying', deadline: null });
    expect(after(resumed, 900_000, { type: 'tick' }).phase).toBe('verifying');
  });

  it('that began during a pause counts after the resume', () => {
    const paused = after(after(starting(), 1000, healthy(web), healthy(api)), 2000, { type: 'paused' });
    const resumed = after(paused, 50_000, unhealthy(web), { type: 'resumed' });
    expect(after(resumed, 120_000, { type: 'tick' }).phase).toBe('failed');
  });

  it('of a pause stands where it stood', () => {
    const paused = after(starting(), 20_000, { type: 'paused' });
    const resumed = after(paused, 500_000, { type: 'resumed' });
    expect((resumed.deadline ?? 0) - 500_000).toBe((starting().deadline ?? 0) - 20_000);
  });
});

describe('a rollback to what still runs', () => {
  it('is watched like every other: its workloads must be healthy when it is cleared and in its bake', () => {
    const world = new World();
    const sketch = { strategy: 'blue-green' as const, warm: true, smoke: false, services: [service('web')] };
    const rollback = world.request('rollback', sketchRelease(1, sketch));
    const ready = after(rollback, 0, { type: 'started', wall: 0 as never, ready: true, counts: {} });
    expect(ready).toMatchObject({ phase: 'verifying', health: { [web]: { healthy: true } } });
    const ill = after(ready, 10, unhealthy(web));
    const cleared: RolloutEvent = { type: 'cleared', from: null, fallback: null, baseline: { requests: 0, errors: 0 } };
    expect(after(ill, 20, cleared).phase).toBe('verifying');
  });
});

describe('a release command whose end nobody saw', () => {
  it('gives way to a newer deploy, before and after it is known to be lost', () => {
    const world = new World();
    const sketch = { strategy: 'blue-green' as const, warm: true, smoke: false, services: [service('web', { command: true })] };
    const queued = world.request('deploy', sketchRelease(1, sketch));
    const building = after(queued, 0, { type: 'started', wall: 0 as never, ready: false, counts: {} });
    const running = after(building, 0, { type: 'built', effect: building.outstanding[0]?.id ?? '' });
    const lost: RolloutEvent = { type: 'command-lost', effect: running.outstanding[0]?.id ?? '', reason: sick };
    const newer: RolloutEvent = { type: 'superseded', by: 'r9' as RolloutId };
    expect(after(running, 1, newer, lost).phase).toBe('superseded');
    expect(after(running, 1, { type: 'paused' }, newer, lost).phase).toBe('superseded');
    expect(after(running, 1, lost, newer).phase).toBe('superseded');
  });
});
