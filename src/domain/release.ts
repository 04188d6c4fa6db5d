import type { BranchRule } from './branch-rules.ts';
import type { EdgeSpec } from './edge.ts';
import type {
  AccessorySpec,
  HealthSpec,
  ReleaseCommandSpec,
  Resources,
  RouteSpec,
  ServiceKind,
  SmokeCheck,
  StaticSpec,
  StrategySpec,
} from './spec.ts';
import type {
  AppName,
  BuildKey,
  EnvironmentName,
  Millis,
  ReleaseId,
  RunId,
  ServiceName,
  WallTime,
  WorkloadId,
} from './values.ts';
import type { DeploySchedule } from './windows.ts';

/** Immutable build result of one service: a folder named by its build key. */
export interface ArtifactRef {
  readonly app: AppName;
  readonly service: ServiceName;
  readonly key: BuildKey;
  /** Folder of the service inside the artifact, `.` for its root. */
  readonly path: string;
  /** Not built from the source: an image made elsewhere, or a program of this system in an empty folder. Undefined: built. */
  readonly given?: { readonly image: string } | { readonly system: SystemProgram; readonly version?: string };
}

/** What a process runtime knows how to start without a build; `command`: whatever the workload's `run` says. */
export type SystemProgram = 'postgres' | 'redis' | 'mail-catcher' | 'command';

/** A version of a secret, frozen into a workload. */
export interface SecretReference {
  readonly name: string;
  readonly version: number;
}

/** One service as it runs. `id` is a hash of all other fields except those that may change without a restart. */
export interface Workload {
  readonly id: WorkloadId;
  readonly app: AppName;
  readonly environment: EnvironmentName;
  readonly service: ServiceName;
  readonly kind: ServiceKind;
  readonly artifact: ArtifactRef;
  /** Undefined for `static`, and where an image brings its own command. */
  readonly run?: string;
  /** Port it listens on inside its container; undefined: what the image exposes, else the runtime's choice, told by PORT. */
  readonly port?: number;
  readonly static?: StaticSpec;
  /** Asks it to end. Default: SIGTERM, or what its image says. */
  readonly stopSignal?: 'SIGINT';
  /** Frozen run-time variables as declared; references such as `${services.api.url}` are resolved when an instance starts. */
  readonly env: Readonly<Record<string, string>>;
  /** Variable -> secret; the values are looked up when an instance starts. Undefined: none. */
  readonly secrets?: Readonly<Record<string, SecretReference>>;
  readonly health: HealthSpec;
  readonly persist: readonly string[];
  readonly resources: Resources;
  readonly drain: Millis;
  readonly grace: Millis;
  readonly requestTimeout: Millis;
}

/** What one service is in one release. */
export interface ReleasedService {
  readonly service: ServiceName;
  readonly workload: Workload;
  readonly replicas: number;
  readonly routes: readonly RouteSpec[];
  readonly overlap: boolean;
  /** Never two instances at once, see `ServiceSpec.single`. */
  readonly single?: true;
  /** What stands between clients and its routes; undefined: the presets. */
  readonly edge?: EdgeSpec;
  readonly releaseCommand?: ReleaseCommandSpec & {
    /** Hash over the trees of `inputs`; compared with the last one that ran in this environment. */
    readonly inputsHash: string;
  };
  /** What the builder needs; the same key never builds twice. */
  readonly build: BuildRecipe;
}

export interface BuildRecipe {
  readonly key: BuildKey;
  readonly path: string;
  /** Paths of the repository that the build may see; `['.']` for all of it. */
  readonly inputs: readonly string[];
  readonly command?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Undefined: a folder is built. */
  readonly image?: ImageRecipe;
  /** An image made elsewhere, by a name that never means another one; it is fetched, not built. */
  readonly given?: { readonly image: string };
}

/** How the image of a service is made. Everything in it is part of the build key. */
export interface ImageRecipe {
  /** A file of the repository, or text made for the service's stack. */
  readonly dockerfile: { readonly path: string } | { readonly text: string };
  /** Folder of the repository sent to the engine, `.` for all of it. */
  readonly context: string;
  /** Stage to build; undefined: the last one. */
  readonly target?: string;
}

/** A version of an app in an environment. Never changes once written. */
export interface Release {
  readonly id: ReleaseId;
  readonly app: AppName;
  readonly environment: EnvironmentName;
  /** v1, v2 … per app and environment. */
  readonly number: number;
  /** Full git SHA of the source, or of the snapshot commit made by `--dirty`. */
  readonly sha: string;
  readonly dirty: boolean;
  /** First line of the commit message. */
  readonly subject: string;
  readonly services: readonly ReleasedService[];
  /** Accessories as the source declares them, for releases only (`when: always`). Undefined: none. */
  readonly accessories?: readonly AccessorySpec[];
  readonly smoke: readonly SmokeCheck[];
  readonly strategy: FrozenStrategy;
  /** Pushes to which branch are deployed to the environment, as this source declares it. Undefined: the usual rule. */
  readonly branch?: BranchRule;
  /** When the environment takes the next deploys, as this source declares it. Undefined: always. */
  readonly schedule?: DeploySchedule;
  /** Folder of the app inside its repository. Undefined: its root. */
  readonly folder?: string;
  /** Tested elsewhere and taken over as it was. Undefined: made for this environment. */
  readonly promotedFrom?: PromotedFrom;
  readonly createdAt: WallTime;
  /** The run of a pipeline that asked for it; undefined: nobody's. */
  readonly run?: RunId;
}

/** Where a release comes from that was not built for its environment. */
export interface PromotedFrom {
  readonly environment: EnvironmentName;
  readonly release: ReleaseId;
  /** Build key of each service, the same there and here. */
  readonly keys: Readonly<Record<string, BuildKey>>;
}

export interface FrozenStrategy extends Omit<StrategySpec, 'type'> {
  readonly type: StrategySpec['type'] | 'static';
}

/** Two releases that would run the very same workloads with the same replicas, routes and edge. */
export function sameContent(a: Release, b: Release): boolean {
  const facts = (r: Release): string =>
    JSON.stringify(
      [...r.services]
        .sort((x, y) => (x.service < y.service ? -1 : 1))
        .map((s) => [s.service, s.workload.id, s.replicas, s.routes, s.edge]),
    );
  return facts(a) === facts(b);
}
