import type { EnvironmentLock, EnvironmentState } from '../domain/environment-state.ts';
import { stableRelease } from '../domain/environment-state.ts';
import type { Release } from '../domain/release.ts';
import { releaseUrls } from '../domain/urls.ts';
import type { EnvironmentKey, ReleaseId, WorkloadId } from '../domain/values.ts';
import type { InstanceObservation } from '../ports/runtime.ts';
import type { EnvironmentStatusBody, RolloutBody, ServiceStatusBody } from './contract.ts';
import type { LockBody } from './contract/environments.ts';
import { presentAccessories } from './present-accessories.ts';
import { isoTime, presentWeights, releaseName } from './present-rollout.ts';

/** A workload that shall run, and for which release. */
export interface DeclaredWorkload {
  readonly workload: WorkloadId;
  /** Null: an accessory. */
  readonly release: ReleaseId | null;
  readonly replicas: number;
  /** As the monitor sees it. Undefined: not said. */
  readonly health?: { readonly healthy: boolean; readonly detail: string | null };
}

export interface EnvironmentFacts {
  readonly environment: EnvironmentState;
  readonly rollout: RolloutBody | null;
  readonly declared: readonly DeclaredWorkload[];
  /** Every release that is named by an arm or a declaration. */
  readonly releases: ReadonlyMap<ReleaseId, Release>;
  /** All instances of the machine; those of other environments are left out here. */
  readonly observed: readonly InstanceObservation[];
  /** Why nothing can be said of what runs; undefined: `observed` is what runs. */
  readonly unseen?: string;
  /** Instances of this environment that nothing declares. */
  readonly strays: readonly InstanceObservation[];
  /** Port of the data plane, for the addresses. */
  readonly httpPort: number;
  /** Requests refused with 429. */
  readonly limited?: number;
}

export function presentEnvironment(facts: EnvironmentFacts): EnvironmentStatusBody {
  const { environment, releases } = facts;
  const live = stableRelease(environment);
  return {
    app: environment.app,
    environment: environment.environment,
    release: live === null ? null : releaseName(live),
    proven: environment.proven === null ? null : releaseName(environment.proven),
    traffic: environment.traffic.kind,
    urls: live === null ? [] : releaseUrls(releases.get(live), facts.httpPort),
    weights: presentWeights(environment.arms),
    rollout: facts.rollout,
    services: [...runningServices(facts), ...staticServices(facts)],
    accessories: presentAccessories(
      environment,
      facts.observed,
      new Map(facts.declared.flatMap((one) => (one.health ? [[one.workload, one.health] as const] : []))),
    ),
    ...(facts.limited === undefined || facts.limited === 0 ? {} : { limited: facts.limited }),
    ...(environment.lock === undefined ? {} : { lock: presentLock(environment.lock) }),
    drift: facts.unseen === undefined ? driftOf(facts) : [`What runs cannot be seen: ${facts.unseen}`],
  };
}

export const presentLock = ({ owner, reason, since }: EnvironmentLock): LockBody => ({ owner, reason, since: isoTime(since) });

function runningServices(facts: EnvironmentFacts): readonly ServiceStatusBody[] {
  return facts.declared.flatMap(({ workload, release, replicas }): ServiceStatusBody[] => {
    if (release === null) return [];
    const instances = facts.observed.filter((one) => one.workload === workload);
    const service = serviceOf(facts, release, workload);
    const sizes = instances.flatMap((one) => (one.memory === null ? [] : [one.memory]));
    const fault =
      facts.unseen === undefined
        ? (instances.find((one) => one.fault !== null)?.fault?.message ?? crashing(instances))
        : 'It is not known at the moment how many run.';
    return [
      {
        service: service?.service ?? workload,
        release: releaseName(release),
        kind: service?.workload.kind ?? 'web',
        declared: replicas,
        running: instances.filter((one) => one.state === 'running').length,
        restarts: instances.reduce((sum, one) => sum + one.restarts, 0),
        memoryMb: sizes.length === 0 ? null : Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / 1024 ** 2),
        ...(fault === undefined ? {} : { fault }),
      },
    ];
  });
}

function crashing(instances: readonly InstanceObservation[]): string | undefined {
  const one = instances.find((instance) => instance.state === 'backing-off');
  if (one === undefined) return undefined;
  const how =
    one.lastExit === null
      ? 'ends'
      : one.lastExit.signal === null
        ? `exits with ${one.lastExit.code}`
        : `ends by ${one.lastExit.signal}`;
  return `It ${how} again and again; the next start waits.`;
}

/** Served by the data plane itself: nothing runs, so nothing is declared. */
function staticServices({ environment, releases }: EnvironmentFacts): readonly ServiceStatusBody[] {
  return environment.arms.flatMap((arm) =>
    (releases.get(arm.release)?.services ?? [])
      .filter((service) => service.workload.kind === 'static')
      .map((service) => ({
        service: service.service,
        release: releaseName(arm.release),
        kind: 'static',
        declared: 0,
        running: 0,
        restarts: 0,
        memoryMb: null,
      })),
  );
}

/** What runs against what was declared, one sentence each. */
export function driftOf(facts: EnvironmentFacts): readonly string[] {
  const { declared, observed } = facts;
  const alive = observed.filter((one) => one.state !== 'stopped');
  const missing = declared.flatMap(({ workload, release, replicas }) => {
    const instances = alive.filter((one) => one.workload === workload);
    const running = instances.filter((one) => one.state === 'running').length;
    const coming = instances.filter((one) => one.state === 'starting').length;
    const name =
      release === null ? workload : `${serviceOf(facts, release, workload)?.service ?? workload} of ${releaseName(release)}`;
    return running + coming === replicas ? [] : [`${name}: ${replicas} declared, ${running} running.`];
  });
  return [...missing, ...facts.strays.map((one) => `${one.instance} runs, and nothing declares it.`)];
}

/** Instances that no environment declares, given to the environment whose workload names begin like theirs (the longest). */
export function straysOf(
  environments: readonly EnvironmentState[],
  declared: readonly DeclaredWorkload[],
  observed: readonly InstanceObservation[],
): ReadonlyMap<EnvironmentKey, readonly InstanceObservation[]> {
  const known = new Set(declared.map((one) => one.workload));
  const byPrefix = environments
    .map((one) => ({ key: one.key, prefix: `${one.app}-${one.environment}-` }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  const strays = new Map<EnvironmentKey, InstanceObservation[]>();
  for (const instance of observed) {
    if (instance.state === 'stopped' || known.has(instance.workload)) continue;
    const owner = byPrefix.find(({ prefix }) => instance.workload.startsWith(prefix));
    if (owner === undefined) continue;
    const rows = strays.get(owner.key) ?? [];
    rows.push(instance);
    strays.set(owner.key, rows);
  }
  return strays;
}

const serviceOf = (facts: EnvironmentFacts, release: ReleaseId, workload: WorkloadId) =>
  facts.releases.get(release)?.services.find((service) => service.workload.id === workload);
