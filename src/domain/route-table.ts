import type { EdgeSpec } from './edge.ts';
import type {
  AppName,
  EnvironmentKey,
  EnvironmentName,
  Epoch,
  InstanceId,
  Millis,
  ReleaseId,
  ServiceName,
  WorkloadId,
} from './values.ts';

/** Everything a data plane needs to carry traffic. Built from the store by `compose-table.ts`; replaced as a whole. */
export interface RouteTable {
  /** Grows with every commit. */
  readonly version: number;
  readonly epoch: Epoch;
  readonly splits: readonly Split[];
  readonly pools: readonly Pool[];
  readonly links: readonly Link[];
}

/**
 * A release-local address: what `${services.api.url}` means to one workload. The data plane offers a fixed number of loopback
 * listeners (slots); the table says which pool each leads to, so a caller follows its own release's switch in the same commit.
 */
export interface Link {
  /** Index into the data plane's `links()`. */
  readonly slot: number;
  readonly caller: WorkloadId;
  readonly service: ServiceName;
  /** Undefined: nothing serves it at the moment (503). */
  readonly pool?: WorkloadId;
}

/** One per app and environment, so that nobody sees frontend v2 on API v1. */
export interface Split {
  readonly key: EnvironmentKey;
  readonly app: AppName;
  readonly environment: EnvironmentName;
  /** Weights add up to 10,000 basis points over the arms, or to 0 while there are only candidates (before the first switch). */
  readonly arms: readonly Arm[];
  readonly routes: readonly Route[];
  readonly mode: TrafficMode;
  /** Sent by the client in `x-signalbox-candidate: <release>:<token>` to reach an arm, even one of weight 0. */
  readonly candidateToken: string;
}

export interface Arm {
  readonly release: ReleaseId;
  readonly weight: number;
  /** The arm that answers for a failing canary, and the control of the gate. Exactly one per split with any weight. */
  readonly role: 'stable' | 'canary';
  /** What stands between clients and the release, by service; a service that is not named has nothing there. */
  readonly edge?: Readonly<Record<ServiceName, EdgeSpec>>;
}

export interface Route {
  /** Lower-case; `*.example.com` is one level; `*` is every host that nothing else claims. */
  readonly host: string;
  /** Starts with `/`; matches on segment borders. */
  readonly path: string;
  readonly stripPath: boolean;
  readonly service: ServiceName;
  /** Which pool an arm uses for this route; an arm without one does not serve the route (404 there). */
  readonly pools: Readonly<Record<ReleaseId, WorkloadId>>;
}

/**
 * `hold`: new requests wait in a bounded queue and are let go gradually; `stop`: 503 with the message at once. Health paths of the
 * services answer in both.
 */
export type TrafficMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'hold'; readonly message?: string; readonly healthPaths: readonly string[] }
  | { readonly kind: 'stop'; readonly message?: string; readonly healthPaths: readonly string[] };

export type Pool = InstancePool | StaticPool;

export interface InstancePool {
  readonly kind: 'instances';
  readonly id: WorkloadId;
  readonly service: ServiceName;
  readonly endpoints: readonly Endpoint[];
  /** Longest wait for the first byte of a response. */
  readonly requestTimeout: Millis;
  /** What an empty pool does: fail (503) or hold the request and signal `wake`. */
  readonly whenEmpty: 'fail' | 'hold';
}

export interface StaticPool {
  readonly kind: 'static';
  readonly id: WorkloadId;
  readonly service: ServiceName;
  /** Absolute folder of the files. */
  readonly root: string;
  readonly spaFallback: boolean;
  /** Roots of earlier releases, newest first; only fingerprinted assets are taken from them, for old tabs. */
  readonly previousRoots: readonly string[];
}

export interface Endpoint {
  readonly instance: InstanceId;
  readonly host: string;
  readonly port: number;
  /** As probed. When no endpoint of a pool is healthy all are tried (panic mode). */
  readonly healthy: boolean;
}
