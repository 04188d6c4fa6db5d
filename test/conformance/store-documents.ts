import { type EnvironmentState, newEnvironment } from '../../src/domain/environment-state.ts';
import type { Release, Workload } from '../../src/domain/release.ts';
import { planRollout } from '../../src/domain/rollout/plan.ts';
import type { Phase, Rollout } from '../../src/domain/rollout/state.ts';
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
import type { AppRecord, NewEvent } from '../../src/ports/store.ts';

/** Complete documents as the control plane writes them, for the store's tests and its bench. */

export const shop = 'shop' as AppName;
export const production = 'production' as EnvironmentName;
export const shopKey = environmentKey(shop, production);
export const wall = (n: number): WallTime => (1_764_000_000_000 + n) as WallTime;

export const anApp = (name: AppName = shop, createdAt = 0): AppRecord => ({ name, createdAt: wall(createdAt) });

export const anEnvironment = (changes: Partial<EnvironmentState> = {}): EnvironmentState => ({
  ...newEnvironment({ app: shop, environment: production, candidateToken: 'secret' }),
  ...changes,
});

export const aWorkload = (id: string, app: AppName = shop): Workload => ({
  id: id as WorkloadId,
  app,
  environment: production,
  service: 'web' as ServiceName,
  kind: 'web',
  artifact: { app, service: 'web' as ServiceName, key: 'ab12'.repeat(16) as BuildKey, path: '.' },
  run: 'node server.js',
  env: { NODE_ENV: 'production', GREETING: 'grüß Gott\n"quoted" \u0000 \u2028' },
  health: {
    type: 'http',
    path: '/healthz',
    interval: millis(1000),
    timeout: millis(2000),
    healthyAfter: 2,
    unhealthyAfter: 3,
    deadline: millis(60_000),
    upFor: millis(5000),
  },
  persist: ['uploads'],
  resources: { memoryMb: 256 },
  drain: millis(30_000),
  grace: millis(10_000),
  requestTimeout: millis(60_000),
});

export interface ReleaseFacts {
  readonly app?: AppName;
  readonly workloads?: readonly Workload[];
}

export function aRelease(number: number, facts: ReleaseFacts = {}): Release {
  const app = facts.app ?? shop;
  const workloads = facts.workloads ?? [aWorkload(`${app}-production-web-${number.toString(16).padStart(12, '0')}`, app)];
  return {
    id: releaseId(app, production, number),
    app,
    environment: production,
    number,
    sha: number.toString(16).padStart(40, '0'),
    dirty: false,
    subject: `Change number ${number}`,
    services: workloads.map((workload) => ({
      service: workload.service,
      workload,
      replicas: 2,
      routes: [{ host: 'shop.example.com', path: '/', stripPath: false }],
      overlap: false,
      build: { key: workload.artifact.key, path: '.', inputs: ['.'], command: 'npm ci', env: {} },
    })),
    smoke: [{ path: '/', status: 200 }],
    strategy: {
      type: 'blue-green',
      steps: [],
      bake: millis(60_000),
      warm: true,
      stepTimeout: millis(1_800_000),
      onTimeout: 'hold',
      gate: { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 },
    },
    createdAt: wall(number),
  };
}

export interface RolloutFacts {
  readonly id: string;
  readonly release: Release;
  readonly phase: Phase;
}

export function aRollout({ id, release, phase }: RolloutFacts): Rollout {
  const plan = planRollout({
    kind: 'deploy',
    release,
    live: null,
    cached: new Set(),
    commandsDone: {},
    running: new Set(),
    notes: [],
  });
  const queued = newRollout({
    id: id as RolloutId,
    environment: environmentKey(release.app, release.environment),
    kind: 'deploy',
    release: release.id,
    plan,
    wall: wall(release.number),
  });
  return { ...queued, phase, outstanding: [{ id: 'e1', effect: { type: 'build' } }] };
}

export const anEvent = (type: string, changes: Partial<NewEvent> = {}): NewEvent => ({
  type,
  at: wall(1),
  app: shop,
  environment: production,
  body: { note: type },
  ...changes,
});

export const idsOf = (rows: readonly { readonly id: ReleaseId | RolloutId }[]): readonly string[] => rows.map((row) => row.id);
