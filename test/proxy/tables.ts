import type { EdgeSpec } from '../../src/domain/edge.ts';
import type { Arm, Endpoint, Pool, Route, RouteTable, Split, TrafficMode } from '../../src/domain/route-table.ts';
import type {
  AppName,
  EnvironmentKey,
  EnvironmentName,
  Epoch,
  Millis,
  ReleaseId,
  ServiceName,
  WorkloadId,
} from '../../src/domain/values.ts';
import type { App } from './processes.ts';

export const token = 'a-candidate-token';

export interface ReleaseSpec {
  readonly apps?: readonly (App | Endpoint)[];
  readonly weight?: number;
  readonly role?: 'stable' | 'canary';
  readonly requestTimeoutMs?: number;
  readonly whenEmpty?: 'fail' | 'hold';
  /** Pool id; default the release's name. */
  readonly pool?: string;
  /** What stands before it; nothing when undefined. */
  readonly edge?: EdgeSpec;
  /** A static pool instead of instances. */
  readonly files?: { readonly root: string; readonly spaFallback?: boolean; readonly previousRoots?: readonly string[] };
}

export interface SplitSpec {
  readonly app?: string;
  readonly releases: Readonly<Record<string, ReleaseSpec>>;
  /** Host or host and path: `app.test`, `app.test/api`. */
  readonly routes?: readonly (
    | string
    | { readonly at: string; readonly stripPath?: boolean; readonly pools?: Readonly<Record<string, string>> }
  )[];
  readonly mode?: TrafficMode;
}

export interface TableSpec {
  readonly version: number;
  readonly epoch?: number;
  readonly splits: readonly SplitSpec[];
  readonly links?: readonly { readonly slot: number; readonly pool?: string }[];
  /** Pools beyond those of the splits. */
  readonly pools?: readonly Pool[];
}

export function poolOf(id: string, release: ReleaseSpec): Pool {
  const base = { id: id as WorkloadId, service: 'web' as ServiceName };
  if (release.files) {
    const { root, spaFallback = false, previousRoots = [] } = release.files;
    return { kind: 'static', ...base, root, spaFallback, previousRoots };
  }
  const endpoints = (release.apps ?? []).map((app) => ('endpoint' in app ? app.endpoint : app));
  const requestTimeout = (release.requestTimeoutMs ?? 10_000) as Millis;
  return { kind: 'instances', ...base, endpoints, requestTimeout, whenEmpty: release.whenEmpty ?? 'fail' };
}

/** A route table in few words. Release names are short (`v1`); a lone release has all the weight and is stable. */
export function tableOf(spec: TableSpec): RouteTable {
  const pools = new Map<string, Pool>();
  for (const pool of spec.pools ?? []) pools.set(pool.id, pool);
  const splits = spec.splits.map((split): Split => {
    const app = split.app ?? 'shop';
    const names = Object.keys(split.releases);
    for (const [name, release] of Object.entries(split.releases)) {
      const id = release.pool ?? `${app}-${name}`;
      pools.set(id, poolOf(id, release));
    }
    const arms = names.map((name): Arm => {
      const { weight = 10_000, role = 'stable', edge } = split.releases[name] ?? {};
      const release = `${app}/production/${name}` as ReleaseId;
      return { release, weight, role, ...(edge === undefined ? {} : { edge: { ['web' as ServiceName]: edge } }) };
    });
    const routes = (split.routes ?? ['*/']).map((route): Route => {
      const { at, stripPath = false, pools: own } = typeof route === 'string' ? { at: route } : route;
      const slash = at.indexOf('/');
      return {
        host: slash === -1 ? at : at.slice(0, slash),
        path: slash === -1 ? '/' : at.slice(slash),
        stripPath,
        service: 'web' as ServiceName,
        pools: Object.fromEntries(
          names
            .filter((name) => !own || own[name] !== undefined)
            .map((name) => [`${app}/production/${name}`, own?.[name] ?? split.releases[name]?.pool ?? `${app}-${name}`]),
        ) as Record<ReleaseId, WorkloadId>,
      };
    });
    return {
      key: `${app}/production` as EnvironmentKey,
      app: app as AppName,
      environment: 'production' as EnvironmentName,
      arms,
      routes,
      mode: split.mode ?? { kind: 'open' },
      candidateToken: token,
    };
  });
  return {
    version: spec.version,
    epoch: (spec.epoch ?? 1) as Epoch,
    splits,
    pools: [...pools.values()],
    links: (spec.links ?? []).map(({ slot, pool }) => ({
      slot,
      caller: 'shop-v1' as WorkloadId,
      service: 'web' as ServiceName,
      ...(pool === undefined ? {} : { pool: pool as WorkloadId }),
    })),
  };
}
