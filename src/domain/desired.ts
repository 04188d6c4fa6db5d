import type { EnvironmentState } from './environment-state.ts';
import type { Release, ReleasedService, Workload } from './release.ts';
import { isExclusive, replicasAt } from './rollout/plan.ts';
import type { HoldablePhase, Rollout } from './rollout/state.ts';
import type { ReleaseId, WorkloadId } from './values.ts';

export interface DesiredWorkload {
  readonly workload: Workload;
  /** Null: an accessory, which belongs to no release. */
  readonly release: ReleaseId | null;
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
  if (environment.proven !== null) needed.add(environment.proven);
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
    const exclusive = isExclusive(service);
    wanted.set(service.workload.id, {
      workload: service.workload,
      release,
      replicas: Math.max(replicas, before?.replicas ?? 0),
      exclusive,
    });
  };
  const active = rollouts.filter((r) => activePhase(r) !== null);
  const moving = new Map(active.filter((r) => r.trafficMoved).map((r) => [r.release, r]));

  const addWhole = (id: ReleaseId | null, except: ReadonlySet<string> = new Set()): void => {
    const release = id === null ? undefined : releases.get(id);
    for (const service of release?.services ?? []) {
      if (release && !except.has(service.service)) add(service, release.id, service.replicas);
    }
  };
  /** Kept for the way back: what answers requests and may run twice. Work is done by the workers of one release only. */
  const addWarm = (id: ReleaseId | null): void => {
    const release = id === null ? undefined : releases.get(id);
    for (const service of release?.services ?? [])
      if (release && service.workload.kind === 'web' && !isExclusive(service)) add(service, release.id, service.replicas);
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
    if (phase === 'shifting') addWhole(rollout.from);
    if (phase === 'shifting' || phase === 'rolling-back' || (phase === 'baking' && rollout.plan.warm)) {
      addWarm(rollout.from);
      addWarm(rollout.fallback);
    }
  }
  return [...wanted.values()];
}
