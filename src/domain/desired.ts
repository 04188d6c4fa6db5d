import type { EnvironmentState } from './environment-state.ts';
import type { Release, ReleasedService, Workload } from './release.ts';
import { replicasAt } from './rollout/plan.ts';
import type { HoldablePhase, Rollout } from './rollout/state.ts';
import type { ReleaseId, WorkloadId } from './values.ts';

export interface DesiredWorkload {
  readonly workload: Workload;
  readonly release: ReleaseId;
  readonly replicas: number;
  /** Starts only when no other workload of the same service is left. */
  readonly exclusive: boolean;
}

export type ReleaseLookup = ReadonlyMap<ReleaseId, Release>;

/** The phase a rollout is in, or held in. */
export const activePhase = (rollout: Rollout): HoldablePhase | null => {
  const phase = rollout.phase === 'held' ? rollout.heldIn : rollout.phase;
  return phase === null || !livePhases.has(phase as HoldablePhase) ? null : (phase as HoldablePhase);
};
const livePhases = new Set<HoldablePhase>(['queued', 'preparing', 'starting', 'verifying', 'shifting', 'baking', 'rolling-back']);

/** Releases that must be known to derive what shall run and who gets traffic. */
export function releasesNeeded(environment: EnvironmentState, rollouts: readonly Rollout[]): ReadonlySet<ReleaseId> {
  const needed = new Set(environment.arms.map((arm) => arm.release));
  for (const r of rollouts) for (const id of [r.release, r.from, r.fallback]) if (id !== null) needed.add(id);
  return needed;
}

/**
 * What shall run in an environment: derived from its traffic and its unfinished rollouts, never stored, so that no crash can
 * make the two disagree. Everything else of the environment is to be stopped once no table leads to it.
 */
export function desiredWorkloads(
  environment: EnvironmentState,
  rollouts: readonly Rollout[],
  releases: ReleaseLookup,
): readonly DesiredWorkload[] {
  const wanted = new Map<WorkloadId, DesiredWorkload>();
  const add = (service: ReleasedService, release: ReleaseId, replicas: number): void => {
    if (service.workload.kind === 'static' || replicas === 0) return;
    const before = wanted.get(service.workload.id);
    const exclusive = service.workload.kind === 'worker' && !service.overlap;
    wanted.set(service.workload.id, {
      workload: service.workload,
      release,
      replicas: Math.max(replicas, before?.replicas ?? 0),
      exclusive,
    });
  };
  const active = rollouts.filter((r) => activePhase(r) !== null);
  const moving = new Map(active.map((r) => [r.release, r]));
  const stoppedWorkers = exchangedWorkers(active);

  const addWhole = (id: ReleaseId | null, except: ReadonlySet<string> = new Set()): void => {
    const release = id === null ? undefined : releases.get(id);
    for (const service of release?.services ?? []) {
      const stopped = stoppedWorkers.has(`${id} ${service.service}`) || except.has(service.service);
      if (release && !stopped) add(service, release.id, service.replicas);
    }
  };
  for (const arm of environment.arms) {
    // What a running rollout starts follows its own pace, below.
    addWhole(arm.release, new Set(moving.get(arm.release)?.plan.starts.map((s) => s.service)));
  }
  for (const rollout of active) {
    const phase = activePhase(rollout);
    if (phase === null || phase === 'queued' || phase === 'preparing') continue;
    const release = releases.get(rollout.release);
    for (const start of rollout.plan.starts) {
      const service = release?.services.find((s) => s.service === start.service);
      if (!service) continue;
      if (start.when === 'switch' && phase !== 'baking') continue;
      add(service, rollout.release, replicasAt(rollout.plan, start, rollout.scale));
    }
    if (phase === 'shifting' || phase === 'rolling-back') {
      addWhole(rollout.from);
      addWhole(rollout.fallback);
    }
    if (phase === 'baking' && rollout.plan.warm) {
      addWhole(rollout.from);
      addWhole(rollout.fallback);
    }
  }
  return [...wanted.values()];
}

/** `<release> <service>` of workers that stay stopped because their successor runs. */
function exchangedWorkers(active: readonly Rollout[]): ReadonlySet<string> {
  const stopped = new Set<string>();
  for (const rollout of active) {
    const phase = activePhase(rollout);
    for (const start of rollout.plan.starts) {
      if (start.when !== 'switch') continue;
      if (phase === 'baking')
        for (const old of [rollout.from, rollout.fallback]) if (old !== null) stopped.add(`${old} ${start.service}`);
      if (phase !== 'baking') stopped.add(`${rollout.release} ${start.service}`);
    }
  }
  return stopped;
}
