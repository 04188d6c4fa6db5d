import type { Release, ReleasedService, Workload } from '../../src/domain/release.ts';
import type { RolloutKind } from '../../src/domain/rollout/plan.ts';
import { type PlanFacts, planRollout } from '../../src/domain/rollout/plan.ts';
import type { Rollout } from '../../src/domain/rollout/state.ts';
import { newRollout } from '../../src/domain/rollout/transition.ts';
import {
  type AppName,
  type BuildKey,
  type EnvironmentName,
  environmentKey,
  millis,
  type ReleaseId,
  type RolloutId,
  releaseId,
  type ServiceName,
  type WallTime,
  type WorkloadId,
} from '../../src/domain/values.ts';

/** Real documents of the domain, small and complete, for tests of what shows them. */
export const shop = 'shop' as AppName;
export const production = 'production' as EnvironmentName;
export const shopProduction = environmentKey(shop, production);
/** 2026-01-01T00:00:00Z */
export const newYear = Date.UTC(2026, 0, 1) as WallTime;

interface ServiceFacts {
  readonly name: string;
  readonly kind?: Workload['kind'];
  /** Part of the workload's id: another version, another workload. */
  readonly version?: number;
  readonly replicas?: number;
}

export function service(facts: ServiceFacts): ReleasedService {
  const { name, kind = 'web', version = 1, replicas = 1 } = facts;
  const key = `${name}${version}`.padEnd(64, '0') as BuildKey;
  const workload: Workload = {
    id: `shop-production-${name}-${String(version).padStart(12, '0')}` as WorkloadId,
    app: shop,
    environment: production,
    service: name as ServiceName,
    kind,
    artifact: { app: shop, service: name as ServiceName, key, path: '.' },
    ...(kind === 'static' ? { static: { folder: '.', spaFallback: false } } : { run: 'node server.js' }),
    env: {},
    health: {
      type: 'port',
      interval: millis(1000),
      timeout: millis(1000),
      healthyAfter: 1,
      unhealthyAfter: 3,
      deadline: millis(60_000),
      upFor: millis(5000),
    },
    persist: [],
    resources: {},
    drain: millis(30_000),
    grace: millis(10_000),
    requestTimeout: millis(60_000),
  };
  return {
    service: name as ServiceName,
    workload,
    replicas,
    routes: kind === 'worker' ? [] : [{ host: `${name}.localhost`, path: '/', stripPath: false }],
    overlap: false,
    build: { key, path: '.', inputs: ['.'], command: 'npm ci', env: {} },
  };
}

export function release(number: number, changes: Partial<Release> = {}): Release {
  return {
    id: releaseId(shop, production, number),
    app: shop,
    environment: production,
    number,
    sha: String(number).repeat(40).slice(0, 40),
    dirty: false,
    subject: `Change number ${number}`,
    services: [service({ name: 'web', version: number, replicas: 2 })],
    smoke: [{ path: '/' }],
    strategy: {
      type: 'blue-green',
      steps: [],
      bake: millis(60_000),
      warm: true,
      stepTimeout: millis(1_800_000),
      onTimeout: 'hold',
      gate: { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 },
    },
    createdAt: (newYear + number * 60_000) as WallTime,
    ...changes,
  };
}

export function rollout(
  target: Release,
  changes: Partial<Rollout> = {},
  plan: { readonly live?: Release; readonly kind?: RolloutKind } & Partial<PlanFacts> = {},
): Rollout {
  const kind = plan.kind ?? 'deploy';
  const live = plan.live ?? null;
  const facts: PlanFacts = {
    cached: new Set(),
    commandsDone: {},
    running: new Set(),
    notes: [],
    ...plan,
    kind,
    live,
    release: target,
  };
  const fresh = newRollout({
    id: `r${target.number}` as RolloutId,
    environment: shopProduction,
    kind,
    release: target.id,
    plan: planRollout(facts),
    wall: newYear,
  });
  return { ...fresh, from: live?.id ?? null, ...changes };
}

export const idOf = (number: number): ReleaseId => releaseId(shop, production, number);
