import { activePhase, type ReleaseLookup } from './desired.ts';
import { defaultEdge, type EdgeSpec } from './edge.ts';
import type { EnvironmentState } from './environment-state.ts';
import type { ArtifactRef, Release, ReleasedService } from './release.ts';
import type { Rollout } from './rollout/state.ts';
import type { Arm, Endpoint, Link, Pool, Route, RouteTable, Split, TrafficMode } from './route-table.ts';
import type { EnvironmentKey, Epoch, ReleaseId, ServiceName, WorkloadId } from './values.ts';

export interface TableInput {
  readonly version: number;
  readonly epoch: Epoch;
  readonly environments: readonly EnvironmentState[];
  readonly rollouts: readonly Rollout[];
  readonly releases: ReleaseLookup;
  readonly endpoints: ReadonlyMap<WorkloadId, readonly Endpoint[]>;
  /** Absolute folder of an artifact's service. */
  readonly folderOf: (artifact: ArtifactRef) => string;
  /** Earlier releases of an environment whose assets stay reachable, newest first. */
  readonly earlier: ReadonlyMap<EnvironmentKey, readonly Release[]>;
}

/** The route table that follows from the decisions: the same input always gives the same table. */
export function composeTable(input: TableInput): RouteTable {
  const pools = new Map<WorkloadId, Pool>();
  const splits: Split[] = [];
  const links: Link[] = [];
  for (const environment of input.environments) {
    const arms = armsOf(environment, input.rollouts);
    const present = arms.flatMap((arm) => input.releases.get(arm.release) ?? []);
    const warm = warmReleases(environment, input);
    const reach = (release: Release, service: ReleasedService): void => {
      if (isReached(service) && !pools.has(service.workload.id)) pools.set(service.workload.id, poolOf(service, release, input));
    };
    for (const release of present) for (const service of release.services) reach(release, service);
    // What may not run twice is not kept warm: as long as a table leads to it, its successor could not start.
    for (const release of warm) for (const service of release.services) if (service.single !== true) reach(release, service);
    if (arms.length > 0) splits.push(splitOf(environment, arms, present));
    links.push(...linksOf(environment, [...byWeight(arms, input.releases), ...warm]));
  }
  return { version: input.version, epoch: input.epoch, splits, pools: [...pools.values()], links };
}

/** Releases with traffic, and those that are only reachable as candidates (weight 0). */
function armsOf(environment: EnvironmentState, rollouts: readonly Rollout[]): readonly Arm[] {
  const arms = [...environment.arms];
  for (const rollout of rollouts) {
    if (rollout.environment !== environment.key || !candidatePhases.has(activePhase(rollout) ?? '')) continue;
    if (!arms.some((arm) => arm.release === rollout.release)) arms.push({ release: rollout.release, weight: 0, role: 'canary' });
  }
  return arms;
}
const candidatePhases = new Set<string>(['starting', 'verifying', 'shifting', 'baking']);

/** A worker has no requests: no table leads to it, so none stands in the way of its exchange. */
const isReached = (service: ReleasedService): boolean => service.workload.kind !== 'worker';

/** Releases that a rollback may need within milliseconds: their pools stay prepared. */
function warmReleases(environment: EnvironmentState, input: TableInput): readonly Release[] {
  return input.rollouts
    .filter((r) => r.environment === environment.key && activePhase(r) !== null)
    .filter((r) => r.plan.warm || activePhase(r) !== 'baking')
    .flatMap((r) => [r.fallback, r.from])
    .flatMap((id) => (id === null ? [] : (input.releases.get(id) ?? [])));
}

function splitOf(environment: EnvironmentState, arms: readonly Arm[], releases: readonly Release[]): Split {
  const routes = new Map<string, Route>();
  for (const release of releases) {
    for (const service of release.services) {
      for (const spec of service.routes) {
        const key = `${spec.host} ${spec.path}`;
        const before = routes.get(key);
        const pools: Record<ReleaseId, WorkloadId> = { ...before?.pools, [release.id]: service.workload.id };
        routes.set(key, { host: spec.host, path: spec.path, stripPath: spec.stripPath, service: service.service, pools });
      }
    }
  }
  return {
    key: environment.key,
    app: environment.app,
    environment: environment.environment,
    arms: arms.map((arm) => ({ ...arm, edge: edgeOf(releases.find((release) => release.id === arm.release)) })),
    routes: [...routes.values()],
    mode: modeOf(environment, releases),
    candidateToken: environment.candidateToken,
  };
}

/** An arm brings its own: what its release says holds for the requests that are routed to it. */
function edgeOf(release: Release | undefined): Readonly<Record<ServiceName, EdgeSpec>> {
  const routed = release?.services.filter(({ routes }) => routes.length > 0) ?? [];
  return Object.fromEntries(routed.map(({ service, edge }) => [service, edge ?? defaultEdge]));
}

function modeOf(environment: EnvironmentState, releases: readonly Release[]): TrafficMode {
  const { kind, message } = environment.traffic;
  if (kind === 'open') return { kind };
  const paths = releases
    .flatMap((r) => r.services)
    .flatMap((s) => (s.workload.health.type === 'http' && s.workload.health.path ? [s.workload.health.path] : []));
  return { kind, ...(message === undefined ? {} : { message }), healthPaths: [...new Set(paths)] };
}

function poolOf(service: ReleasedService, release: Release, input: TableInput): Pool {
  const { workload } = service;
  if (workload.kind !== 'static' || !workload.static) {
    return {
      kind: 'instances',
      id: workload.id,
      service: service.service,
      endpoints: isComing(workload.id, input.rollouts) ? [] : (input.endpoints.get(workload.id) ?? []),
      requestTimeout: workload.requestTimeout,
      whenEmpty: service.single === true ? 'hold' : 'fail',
    };
  }
  const rootOf = (s: ReleasedService): string =>
    joinFolder(input.folderOf(s.workload.artifact), s.workload.static?.folder ?? '.');
  const root = rootOf(service);
  const earlier = (input.earlier.get(`${release.app}/${release.environment}` as EnvironmentKey) ?? [])
    .filter((r) => r.id !== release.id)
    .flatMap((r) => r.services.filter((s) => s.service === service.service && s.workload.kind === 'static'))
    .map(rootOf)
    .filter((folder) => folder !== root);
  return {
    kind: 'static',
    id: workload.id,
    service: service.service,
    root,
    spaFallback: workload.static.spaFallback,
    previousRoots: [...new Set(earlier)].slice(0, keptAssetRoots),
  };
}

/** It was exchanged at the switch and has not been healthy yet: its requests wait. */
const isComing = (workload: WorkloadId, rollouts: readonly Rollout[]): boolean =>
  rollouts.some((r) => r.exchanging === true && r.health[workload]?.healthy === false);

/** Releases whose fingerprinted assets stay reachable for old tabs. */
export const keptAssetRoots = 5;

const joinFolder = (base: string, below: string): string => (below === '.' || below === '' ? base : `${base}/${below}`);

const byWeight = (arms: readonly Arm[], releases: ReleaseLookup): readonly Release[] =>
  [...arms].sort((a, b) => b.weight - a.weight).flatMap((arm) => releases.get(arm.release) ?? []);

/** Each caller's addresses lead into the first of `releases` that it belongs to; what a switch left in flight still calls its own. */
function linksOf(environment: EnvironmentState, releases: readonly Release[]): readonly Link[] {
  return Object.entries(environment.links).map(([key, slot]) => {
    const cut = key.indexOf('>');
    const caller = key.slice(0, cut) as WorkloadId;
    const service = key.slice(cut + 1);
    const home = releases.find((r) => r.services.some((s) => s.workload.id === caller));
    const callee = home?.services.find((s) => s.service === service);
    // Of what may not run twice there is the one that runs: everybody calls that one.
    const only = callee?.single === true ? releases[0]?.services.find((s) => s.service === service) : undefined;
    const called = only ?? callee;
    const pool = called && isReached(called) ? called.workload.id : undefined;
    return { slot, caller, service: service as Link['service'], ...(pool === undefined ? {} : { pool }) };
  });
}
