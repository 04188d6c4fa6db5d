import { desiredWorkloads, type ReleaseLookup } from '../../../src/domain/desired.ts';
import { type EnvironmentState, newEnvironment, stableRelease } from '../../../src/domain/environment-state.ts';
import type { Release, ReleasedService, Workload } from '../../../src/domain/release.ts';
import type { RolloutEvent } from '../../../src/domain/rollout/events.ts';
import { planRollout } from '../../../src/domain/rollout/plan.ts';
import { isTerminal, type Rollout } from '../../../src/domain/rollout/state.ts';
import { newRollout, transition } from '../../../src/domain/rollout/transition.ts';
import type { ServiceKind } from '../../../src/domain/spec.ts';
import { type Instant, instant, millis, type ReleaseId, type RolloutId, type WorkloadId } from '../../../src/domain/values.ts';

/** Services of a release in short: name, kind, version of its code, replicas. */
export interface ServiceSketch {
  readonly name: string;
  readonly kind: ServiceKind;
  readonly version: number;
  readonly replicas: number;
  readonly command?: boolean;
  /** Workers only; default false. */
  readonly overlap?: boolean;
  /** Never two of it at once. */
  readonly single?: true;
  /** Version of the release command's inputs; default: the service's own version. */
  readonly commandVersion?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** MiB. */
  readonly memory?: number;
}

export interface Sketch {
  readonly services: readonly ServiceSketch[];
  readonly strategy: 'blue-green' | 'rolling' | 'canary';
  readonly warm: boolean;
  readonly smoke: boolean;
  /** Milliseconds; default 60 s. */
  readonly bake?: number;
  /** Milliseconds; default 10 min. */
  readonly stepTimeout?: number;
  /** Default hold. */
  readonly onTimeout?: 'hold' | 'promote' | 'rollback';
  /** Weights of a canary in basis points; default 10 % and 50 %. */
  readonly steps?: readonly number[];
  /** Default shop. */
  readonly app?: string;
}

export function sketchRelease(number: number, sketch: Sketch): Release {
  const app = sketch.app ?? 'shop';
  return {
    id: `${app}/production/v${number}` as ReleaseId,
    app: app as Release['app'],
    environment: 'production' as Release['environment'],
    number,
    sha: String(number).padStart(40, '0'),
    dirty: false,
    subject: `change ${number}`,
    services: sketch.services.map((s) => released(s, app)),
    smoke: sketch.smoke ? [{ path: '/' }] : [],
    strategy: {
      type: sketch.strategy,
      steps: sketch.strategy === 'canary' ? (sketch.steps ?? [1000, 5000]) : [],
      bake: millis(sketch.bake ?? 60_000),
      warm: sketch.warm,
      stepTimeout: millis(sketch.stepTimeout ?? 600_000),
      onTimeout: sketch.onTimeout ?? 'hold',
      gate: { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 },
    },
    createdAt: 0 as Release['createdAt'],
  };
}

function released(s: ServiceSketch, app: string): ReleasedService {
  const key = `${s.name}${s.version}`.padEnd(64, '0') as ReleasedService['build']['key'];
  const workload: Workload = {
    id: `${app}-production-${s.name}-${s.version}` as WorkloadId,
    app: app as Workload['app'],
    environment: 'production' as Workload['environment'],
    service: s.name as Workload['service'],
    kind: s.kind,
    artifact: { app: app as Workload['app'], service: s.name as Workload['service'], key, path: '.' },
    ...(s.kind === 'static' ? { static: { folder: '.', spaFallback: false } } : { run: 'node server.js' }),
    env: s.env ?? {},
    health: {
      type: s.kind === 'worker' ? 'up' : 'http',
      path: '/health',
      interval: millis(1000),
      timeout: millis(1000),
      healthyAfter: 2,
      unhealthyAfter: 3,
      deadline: millis(60_000),
      upFor: millis(2000),
    },
    persist: [],
    resources: s.memory === undefined ? {} : { memoryMb: s.memory },
    drain: millis(30_000),
    grace: millis(10_000),
    requestTimeout: millis(60_000),
  };
  return {
    service: s.name as ReleasedService['service'],
    workload,
    replicas: s.replicas,
    routes:
      s.kind === 'worker' ? [] : [{ host: `${app}.localhost`, path: s.name === 'web' ? '/' : `/${s.name}`, stripPath: false }],
    overlap: s.overlap ?? false,
    ...(s.single === undefined ? {} : { single: s.single }),
    ...(s.command
      ? {
          releaseCommand: {
            run: 'migrate',
            inputs: ['db'],
            when: 'changed' as const,
            timeout: millis(60_000),
            inputsHash: `db${s.commandVersion ?? s.version}`,
          },
        }
      : {}),
    build: { key, path: '.', inputs: ['.'], env: {}, command: 'build' },
  };
}

/**
 * A model of the controller: one environment, its rollouts, time. It applies events the way the control plane does and keeps the
 * history that properties are checked on. Nothing here decides anything.
 */
export class World {
  environment: EnvironmentState = newEnvironment({
    app: 'shop' as EnvironmentState['app'],
    environment: 'production' as EnvironmentState['environment'],
    candidateToken: 'token',
  });
  now: Instant = instant(1000);
  readonly releases = new Map<ReleaseId, Release>();
  rollouts: Rollout[] = [];
  readonly ended: Rollout[] = [];
  /** Rollout and service of every release command that was started. */
  readonly commandsStarted: string[] = [];
  private nextId = 1;

  lookup(): ReleaseLookup {
    return this.releases;
  }

  live(): Release | null {
    const id = stableRelease(this.environment);
    return id === null ? null : (this.releases.get(id) ?? null);
  }

  request(kind: 'deploy' | 'rollback', release: Release): Rollout {
    this.releases.set(release.id, release);
    const plan = planRollout({
      kind,
      release,
      live: this.live(),
      proven: this.environment.proven === null ? null : (this.releases.get(this.environment.proven) ?? null),
      cached: kind === 'rollback' ? new Set(release.services.map((s) => s.build.key)) : new Set(),
      commandsDone: this.environment.commandsDone,
      running: new Set(),
      notes: [],
    });
    const id = `r${String(this.nextId++).padStart(4, '0')}` as RolloutId;
    for (const old of this.rollouts.filter((r) => r.phase !== 'baking' && !(r.phase === 'held' && r.heldIn === 'baking'))) {
      this.apply(old.id, { type: 'superseded', by: id });
    }
    const rollout = newRollout({ id, environment: this.environment.key, kind, release: release.id, plan, wall: 0 as never });
    this.rollouts.push(rollout);
    return rollout;
  }

  find(id: RolloutId): Rollout | undefined {
    return this.rollouts.find((r) => r.id === id);
  }

  /** Applies an event; a result nobody waits for is dropped, as the controller does. */
  apply(id: RolloutId, event: RolloutEvent): void {
    const rollout = this.find(id);
    if (!rollout) return;
    if ('effect' in event && !rollout.outstanding.some((o) => o.id === event.effect)) return;
    if (event.type === 'cleared' && rollout.phase !== 'verifying') return;
    if (event.type === 'started' && rollout.phase !== 'queued') return;
    const decision = transition(rollout, event, this.now);
    if (decision.arms) this.environment = { ...this.environment, arms: decision.arms };
    if (decision.proven) this.environment = { ...this.environment, proven: decision.proven };
    if (decision.commandDone) {
      const hash =
        this.releases.get(rollout.release)?.services.find((s) => s.service === decision.commandDone)?.releaseCommand
          ?.inputsHash ?? '';
      this.environment = {
        ...this.environment,
        commandsDone: { ...this.environment.commandsDone, [decision.commandDone]: hash },
      };
    }
    for (const { id: effect, effect: what } of decision.rollout.outstanding) {
      if (what.type === 'release-command' && !rollout.outstanding.some((o) => o.id === effect))
        this.commandsStarted.push(`${id} ${what.service}`);
    }
    this.rollouts = this.rollouts.filter((r) => r.id !== id);
    if (isTerminal(decision.rollout.phase)) this.ended.push(decision.rollout);
    else this.rollouts.push(decision.rollout);
    this.rollouts.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Everything is lost but what is on disk. */
  crash(): void {
    this.rollouts = JSON.parse(JSON.stringify(this.rollouts)) as Rollout[];
    this.environment = JSON.parse(JSON.stringify(this.environment)) as EnvironmentState;
  }

  desired(): ReadonlyMap<WorkloadId, number> {
    return new Map(desiredWorkloads(this.environment, this.rollouts, this.releases).map((d) => [d.workload.id, d.replicas]));
  }
}
