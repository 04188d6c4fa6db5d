import type { BranchRule } from './branch-rules.ts';
import type { EdgeSpec } from './edge.ts';
import type { PipelineSpec } from './pipeline/spec.ts';
import type { AppName, EnvironmentName, Millis, ServiceName } from './values.ts';
import type { DeploySchedule } from './windows.ts';

/**
 * What a repository declares, after `config/` has parsed, checked and completed it (every default filled in).
 * The same shape comes from signalbox.yaml and from detection without a file.
 */
export interface AppSpec {
  readonly app: AppName;
  readonly services: Readonly<Record<string, ServiceSpec>>;
  /** By name, in the order of the file. Undefined: none. */
  readonly accessories?: Readonly<Record<string, AccessorySpec>>;
  readonly smoke: readonly SmokeCheck[];
  readonly strategy: StrategySpec;
  /** Undefined: the steps follow from the services. */
  readonly pipeline?: PipelineSpec;
  readonly environments: Readonly<Record<string, EnvironmentSpec>>;
}

/**
 * `web`: has a route and a process. `worker`: a process without a route. `static`: files that the data plane serves itself.
 */
export type ServiceKind = 'web' | 'worker' | 'static';

export interface ServiceSpec {
  readonly name: ServiceName;
  readonly kind: ServiceKind;
  /** Folder of the service inside the repository, `.` for the root; never leaves it. */
  readonly path: string;
  /** Folders and files that belong to the build besides `path`; undefined: the workspace closure, or the whole repository when unsure. */
  readonly inputs?: readonly string[];
  /** Shell command run in `path`; undefined: nothing to build. */
  readonly build?: string;
  readonly buildEnv: Readonly<Record<string, string>>;
  /** Toolchain names whose versions are part of the build key, e.g. `node`, `python3`. */
  readonly toolchain: readonly string[];
  /** Shell command run in the artifact's `path`; gets PORT and HOST. Undefined for `static`, and where an image brings its own. */
  readonly run?: string;
  /** What only a runtime of containers looks at; undefined: nothing was said. */
  readonly container?: ContainerSpec;
  /** Folder with the files to serve, relative to `path`; only for `static`. */
  readonly static?: StaticSpec;
  readonly replicas: number;
  readonly health: HealthSpec;
  readonly routes: readonly RouteSpec[];
  /** Run-time variables; `${services.NAME.url}` stands for the release-local address of another service. */
  readonly env: Readonly<Record<string, string>>;
  /** Variable -> secret of the environment whose newest value it gets. Undefined: none. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly release?: ReleaseCommandSpec;
  /** Folders (relative to `path`) that last, shared by every instance of the app's environment. */
  readonly persist: readonly string[];
  /** How long in-flight requests may go on after the switch. Default 30 s. */
  readonly drain: Millis;
  /** SIGTERM to SIGKILL. Default 10 s. */
  readonly grace: Millis;
  /** Workers only: true starts the new one before the old one stops. Default false. */
  readonly overlap: boolean;
  /** Never two instances at once: exchanged at the switch, old one first, while its requests wait. Undefined: false. */
  readonly single?: true;
  readonly resources: Resources;
  /** Longest wait for the first byte of a response. Default 60 s. */
  readonly requestTimeout: Millis;
  /** What stands between clients and it; undefined: the presets. */
  readonly edge?: EdgeSpec;
  /** Variables that must have a value before it may start. Undefined: none. */
  readonly requires?: readonly RequiredVariable[];
  /** How it runs under `signalbox dev`; undefined: by framework, else `run`. No part of a release. */
  readonly dev?: DevSpec;
}

/** Paths are relative to the repository, like `path` of the service. */
export interface ContainerSpec {
  /** Undefined: `Dockerfile` in `path`, else one made for the stack. */
  readonly dockerfile?: string;
  /** Folder that the Dockerfile may copy from. Undefined: `path`. */
  readonly context?: string;
  /** Stage of the Dockerfile; undefined: the last one. */
  readonly target?: string;
  /** An image made elsewhere, instead of a build. */
  readonly image?: string;
  /** Port inside the container. */
  readonly port?: number;
}

export interface RequiredVariable {
  readonly name: string;
  /** Where signalbox.yaml asks for it, counted from 1; undefined when nobody wrote it down. */
  readonly line?: number;
  readonly column?: number;
}

export interface DevSpec {
  /** Shell command in place of `run`. */
  readonly run?: string;
  /** Restart on change of the service folder, or of paths relative to it. */
  readonly watch?: boolean | readonly string[];
  /** Port that it listens on whatever PORT says. */
  readonly port?: number;
}

export interface StaticSpec {
  readonly folder: string;
  /** Answer unknown paths without a file extension with /index.html. */
  readonly spaFallback: boolean;
}

export interface Resources {
  /** MiB of memory per instance; undefined: no limit. */
  readonly memoryMb?: number;
  /** CPU cores per instance, e.g. 0.5; undefined: no limit. */
  readonly cpus?: number;
}

export interface HealthSpec {
  /**
   * `http`: GET `path`, 2xx only, redirects never count. `port`: the port accepts a connection. `up`: the process stays up (workers).
   * `postgres`: it takes logins, which it does not yet while it recovers.
   */
  readonly type: 'http' | 'port' | 'up' | 'postgres';
  readonly path?: string;
  readonly interval: Millis;
  readonly timeout: Millis;
  /** Consecutive successes needed; for `up` the time is `upFor`. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** From the first instance start to healthy; extended by progress. */
  readonly deadline: Millis;
  /** `up` only: how long a worker has to stay up to count as healthy. */
  readonly upFor: Millis;
}

export interface RouteSpec {
  /** Lower-case host, `*.example.com` for one level, `*` for the default host. */
  readonly host: string;
  /** Prefix on segment borders, starts with `/`. */
  readonly path: string;
  readonly stripPath: boolean;
}

export interface ReleaseCommandSpec {
  readonly run: string;
  /** Paths whose git trees decide whether the command is needed with `when: changed`. */
  readonly inputs: readonly string[];
  readonly when: 'changed' | 'always';
  readonly timeout: Millis;
}

export interface SmokeCheck {
  readonly path: string;
  /** Undefined: the first routed host that serves the path. */
  readonly host?: string;
  /** Undefined: any 2xx. */
  readonly status?: number;
  readonly contains?: string;
}

export interface StrategySpec {
  readonly type: 'blue-green' | 'rolling' | 'canary';
  /** Shares of traffic in basis points (1000 = 10 %), rising, without the final 10,000. */
  readonly steps: readonly number[];
  /** Watch period after full traffic. Default 60 s. */
  readonly bake: Millis;
  /** Keep the old release running during the bake. Default true. */
  readonly warm: boolean;
  /** Canary: how long a step may wait for its verdict. Default 30 min. */
  readonly stepTimeout: Millis;
  /** What to do when a step's verdict does not come in time. Default hold. */
  readonly onTimeout: 'hold' | 'promote' | 'rollback';
  readonly gate: GateSpec;
}

/** Error rates of the sequential test (behaviours.md, "Gates on small traffic"). All shares are 0..1. */
export interface GateSpec {
  /** False alarm probability over the whole rollout. Default 0.005. */
  readonly alpha: number;
  /** Probability of passing a release as bad as p1. Default 0.05. */
  readonly beta: number;
  /** Lowest error rate held to be normal. Default 0.01. */
  readonly p0Floor: number;
  /** Lowest error rate held to be broken. Default 0.20. */
  readonly p1Floor: number;
}

export interface EnvironmentSpec {
  readonly name: EnvironmentName;
  /** Pushes to which branch are deployed here. Undefined: production follows the usual one, others none. */
  readonly branch?: BranchRule;
  /** Host per service; replaces the host of each of the service's routes. Production may leave it empty. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly replicas: Readonly<Record<string, number>>;
  readonly env: Readonly<Record<string, string>>;
  /** Variable -> secret, for every service that runs. Undefined: none. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What is different here, by accessory. Undefined: nothing; each environment has accessories of its own anyway. */
  readonly accessories?: Readonly<Record<string, Partial<AccessorySpec>>>;
  readonly strategy?: StrategySpec;
  /** When deploys are let through. Undefined: always. */
  readonly schedule?: DeploySchedule;
}

/** What an app needs beside its services and does not make itself: a database, a cache, a mail catcher. */
export const accessoryTypes = ['postgres', 'redis', 'mailcatcher', 'pgadmin', 'custom'] as const;
export type AccessoryType = (typeof accessoryTypes)[number];
/** Where an installation runs workloads: programs of this system, or containers. */
export type RuntimeKind = 'process' | 'docker';

export interface AccessorySpec {
  readonly name: ServiceName;
  readonly type: AccessoryType;
  /** As much of it as is asked for: `16` fits 16.4. Undefined: what the system has; on Docker a fixed default. */
  readonly version?: string;
  /** Image in place of the type's own; only containers look at it. */
  readonly image?: string;
  /** `custom` only: the command; on Docker in place of what the image brings. */
  readonly run?: string;
  /** `custom` only: port inside its container. */
  readonly port?: number;
  /** Path of a health check over HTTP; undefined: the type's own, else its port. */
  readonly healthPath?: string;
  /** From its start to healthy. Default 60 s. */
  readonly deadline: Millis;
  readonly env: Readonly<Record<string, string>>;
  /** `custom` only. Absolute: folders of the container; relative: folders below its working folder as a process. */
  readonly persist: readonly string[];
  readonly resources: Resources;
  /** `dev`: under `signalbox dev` only. */
  readonly when: 'always' | 'dev';
}
