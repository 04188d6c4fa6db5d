import { defaultEdge, type EdgeSpec } from '../../src/domain/edge.ts';
import type { RouteTable } from '../../src/domain/route-table.ts';
import {
  type AppName,
  type EnvironmentKey,
  type EnvironmentName,
  type Epoch,
  type InstanceId,
  millis,
  type ReleaseId,
  type ServiceName,
  type WorkloadId,
} from '../../src/domain/values.ts';

export interface TableSpec {
  readonly version: number;
  readonly hosts: readonly string[];
  readonly backendPort: number;
}

/** A table with one app per host, all of them on the same backend. */
export function tableOf(spec: TableSpec): RouteTable {
  const apps = spec.hosts.map((host, index) => ({
    host,
    app: `app-${index}` as AppName,
    release: `release-${index}` as ReleaseId,
    pool: `pool-${index}` as WorkloadId,
  }));
  return {
    version: spec.version,
    epoch: 1 as Epoch,
    splits: apps.map(({ host, app, release, pool }) => ({
      key: `${app}/production` as EnvironmentKey,
      app,
      environment: 'production' as EnvironmentName,
      arms: [
        {
          release,
          weight: 10_000,
          role: 'stable' as const,
          edge: { web: defaultEdge } as Readonly<Record<ServiceName, EdgeSpec>>,
        },
      ],
      routes: [{ host, path: '/', stripPath: false, service: 'web' as ServiceName, pools: { [release]: pool } }],
      mode: { kind: 'open' as const },
      candidateToken: `token-of-${app}`,
    })),
    pools: apps.map(({ pool }) => ({
      kind: 'instances' as const,
      id: pool,
      service: 'web' as ServiceName,
      endpoints: [{ instance: `${pool}-1` as InstanceId, host: '127.0.0.1', port: spec.backendPort, healthy: true }],
      requestTimeout: millis(60_000),
      whenEmpty: 'fail' as const,
    })),
    links: [],
  };
}
