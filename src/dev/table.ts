import type { Pool, RouteTable } from '../domain/route-table.ts';
import { type AppName, environmentKey, type EnvironmentName, type Epoch, millis, releaseId } from '../domain/values.ts';
import type { LocalRoute } from './addresses.ts';

/** Where requests of a service go now; port null: they wait. */
export interface Destination {
  readonly service: string;
  readonly port: number | null;
  /** Grows with each start, so that an old connection is never taken for a new instance's. */
  readonly start: number;
}

export interface DevTableInput {
  readonly app: string;
  readonly version: number;
  readonly routes: readonly LocalRoute[];
  readonly destinations: readonly Destination[];
  /** Services with a release-local address, by slot. */
  readonly linked: readonly string[];
}

/** Development answers late: a first request may compile a whole app. */
const requestTimeout = millis(300_000);

/** The route table of a stack at the desk: one release with all traffic, an empty pool holds its requests. */
export function devTable({ app, version, routes, destinations, linked }: DevTableInput): RouteTable {
  const name = app as AppName;
  const environment = 'development' as EnvironmentName;
  const release = releaseId(name, environment, 1);
  const pools = destinations.map(
    ({ service, port, start }): Pool => ({
      kind: 'instances',
      id: poolId(service) as Pool['id'],
      service: service as Pool['service'],
      endpoints:
        port === null
          ? []
          : [{ instance: `${poolId(service)}.${start}.${port}` as never, host: '127.0.0.1', port, healthy: true }],
      requestTimeout,
      whenEmpty: 'hold',
    }),
  );
  return {
    version,
    epoch: 1 as Epoch,
    splits: [
      {
        key: environmentKey(name, environment),
        app: name,
        environment,
        arms: [{ release, weight: 10_000, role: 'stable' }],
        routes: routes.map(({ host, path, stripPath, service }) => ({
          host,
          path,
          stripPath,
          service: service as Pool['service'],
          pools: { [release]: poolId(service) as Pool['id'] },
        })),
        mode: { kind: 'open' },
        candidateToken: 'none',
      },
    ],
    pools,
    links: linked.map((service, slot) => ({
      slot,
      caller: 'dev' as Pool['id'],
      service: service as Pool['service'],
      pool: poolId(service) as Pool['id'],
    })),
  };
}

export const poolId = (service: string): string => `dev-${service}`;
