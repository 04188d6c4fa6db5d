/**
 * The warden's control socket. The warden is to containers what the keeper is to processes: it starts them when told to and again when
 * they end, enforces the time of one-off commands, and outlives the control plane. It knows containers, nothing of releases.
 * Every call that changes something carries `epoch`; one older than the newest seen is refused with STALE_EPOCH.
 */
export type WardenMethods = {
  hello: { params: { epoch: number }; result: WardenHello };
  /** Starts an instance's container and keeps it running; idempotent by `spec.id` (one that is there is left alone). */
  start: { params: { epoch: number; spec: InstanceSpec }; result: ContainerState };
  /** Resolves when no container of the instance is left. Unknown instances are done at once. */
  stop: { params: { epoch: number; id: string; graceMs: number }; result: null };
  /** A command that runs once; idempotent by `spec.id`. Resolves at once, see `runs`. */
  run: { params: { epoch: number; spec: RunSpec }; result: RunState };
  'end-run': {
    params: { epoch: number; id: string; graceMs: number; reason: 'timed-out' | 'cancelled' };
    result: RunState | null;
  };
  /** Forgets the records of ended runs. */
  'forget-runs': { params: { epoch: number; workload: string }; result: null };
  /** Removes the network and the volumes of an app and environment unless something uses them; what is kept in them stays. */
  tidy: { params: { epoch: number; network: string }; result: null };
  list: { params: Record<string, never>; result: WardenView };
  /** Bytes by instance, as young as 2 s. */
  memory: { params: Record<string, never>; result: { memory: Readonly<Record<string, number>> } };
  /** Ends the warden; with `all` also every container of the installation. */
  shutdown: { params: { epoch: number; all: boolean }; result: null };
};

export type WardenEvents = {
  instance: ContainerState;
  run: RunState;
};

/** Raised when a running warden cannot work with this control plane; then it is exchanged. */
export const wardenRevision = 1;

/** The warden's only argument, as JSON. */
export interface WardenConfig {
  /** Folder of its own: desired state, so that the next warden needs nobody's help. */
  readonly dir: string;
  readonly socket: string;
  readonly engineSocket: string;
  /** Value of the label `signalbox.installation`. `[a-z0-9]`. */
  readonly homeId: string;
  /** File of the key that records are sealed with. Undefined: they lie open, for their owner alone. */
  readonly recordKey?: string;
}

export interface WardenHello {
  readonly pid: number;
  readonly revision: number;
  readonly epoch: number;
}

export interface WardenView {
  /** Null while the engine answers; else why it does not. Then states are those last seen. */
  readonly trouble: string | null;
  readonly instances: readonly ContainerState[];
  readonly runs: readonly RunState[];
}

/** A folder that outlives containers. */
export interface Lasting {
  /** Absolute path in the container. */
  readonly target: string;
  /** Absolute folder of the machine. Made, and filled with what the image has there, when it is missing. */
  readonly source: string;
}

/** Everything needed to make a container, and to make it again. */
export interface ContainerSpec {
  readonly id: string;
  /** Name of the container. */
  readonly name: string;
  /** Network of the app and environment. */
  readonly network: string;
  /** Names in that network besides the container's own. */
  readonly aliases: readonly string[];
  /** Id of the image. */
  readonly image: string;
  /** Body of the engine's create call, without network and mounts. Holds secrets. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly lasting: readonly Lasting[];
  /** User of the image as it names it, for folders that are made; empty: root. */
  readonly user: string;
  readonly stopSignal: string;
  /** Loopback ports of this machine that it calls: reached at the network's gateway, by nobody else. */
  readonly links: readonly number[];
  /** Takes the last lines of a container that is removed. */
  readonly logFile: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface InstanceSpec extends ContainerSpec {
  /** Where it listens in the container; null for workers. */
  readonly port: number | null;
  /** What it was told is PORT; false where nobody told it anything. */
  readonly told: boolean;
}

export interface ContainerState {
  readonly id: string;
  readonly state: 'running' | 'backing-off' | 'stopping' | 'stopped';
  readonly container: string | null;
  /** Own address and port; null for workers and until it listened there for the first time. */
  readonly endpoint: { readonly host: string; readonly port: number } | null;
  readonly listening: boolean;
  /** Wall clock, ms. */
  readonly startedAt: number | null;
  readonly restarts: number;
  readonly lastExit: ExitRecord | null;
  readonly fault: { readonly code: string; readonly message: string } | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: 'exited' | 'stopped' | 'memory-limit' | 'start-failed' | 'unobserved' | 'removed';
  readonly message?: string;
  /** Wall clock, ms. */
  readonly at: number;
}

export interface RunSpec extends ContainerSpec {
  /** From its start; enforced by the warden. */
  readonly timeoutMs: number;
}

export interface RunState {
  readonly id: string;
  readonly state: 'running' | 'ended';
  readonly exitCode: number | null;
  readonly end: 'exited' | 'timed-out' | 'cancelled' | 'lost' | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Last lines of its output, once ended. */
  readonly tail: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}
