/**
 * The keeper's control socket. The keeper knows commands, files and processes, nothing of releases.
 * Every call that changes something carries `epoch`; one older than the newest seen is refused with STALE_EPOCH.
 */
export type KeeperMethods = {
  hello: { params: { epoch: number }; result: KeeperHello };
  /** Declares the listeners; idempotent. Port 0 is any free port, remembered and taken again after a restart. */
  listen: { params: { epoch: number; listeners: readonly ListenRequest[] }; result: { listeners: readonly HeldListener[] } };
  /**
   * Declares the proxy workers; the keeper starts and restarts them, and exchanges those that were started with other settings or
   * listeners than they would be now, without closing a listener.
   */
  workers: { params: { epoch: number; workers: readonly WorkerSpec[] }; result: { workers: readonly WorkerState[] } };
  /** Replaces one worker: a new one is started on the same listeners, then the old one is told to finish, and killed after graceMs. */
  'replace-worker': { params: { epoch: number; name: string; graceMs: number }; result: { workers: readonly WorkerState[] } };
  /** Starts an instance and keeps it running; idempotent by `spec.id` (a running one is left alone). */
  start: { params: { epoch: number; spec: LaunchSpec }; result: InstanceState };
  /** Resolves when no process of the instance is left. Unknown instances are done at once. */
  stop: { params: { epoch: number; id: string; graceMs: number }; result: { exit: ExitRecord | null } };
  /** A command that runs once; idempotent by `spec.id`: a second call joins the first. Resolves at once, see `runs`. */
  run: { params: { epoch: number; spec: RunSpec }; result: RunState };
  /** Ends a running command's processes; its state then says `timed-out` or `cancelled`. */
  'end-run': {
    params: { epoch: number; id: string; graceMs: number; reason: 'timed-out' | 'cancelled' };
    result: RunState | null;
  };
  /** Forgets a finished run's record. */
  'forget-run': { params: { epoch: number; id: string }; result: null };
  list: {
    params: Record<string, never>;
    result: { instances: readonly InstanceState[]; runs: readonly RunState[]; workers: readonly WorkerState[] };
  };
  /** Memory and listening ports of instances, read now. */
  inspect: { params: { ids: readonly string[]; listening: boolean }; result: { instances: readonly InstanceUsage[] } };
  /** Ends the keeper and the workers; with `all` also the instances, which else go on without anybody. */
  shutdown: { params: { epoch: number; all: boolean }; result: null };
};

export type KeeperEvents = {
  instance: InstanceState;
  run: RunState;
  worker: WorkerState;
};

/** The keeper's first argument, as JSON. Inherited listeners come as a JSON list of `InheritedListener` in a second one. */
export interface KeeperConfig {
  /** Folder of its own: desired state, so that the next keeper needs nobody's help. */
  readonly dir: string;
  readonly socket: string;
  /** Marks this installation's processes: the same for ever, another for every other home. `[a-z0-9]`. */
  readonly homeId: string;
  readonly version: string;
  /** File of the key that records are sealed with; made when it is missing. Undefined: they lie open, for their owner alone. */
  readonly recordKey?: string;
}

export interface KeeperHello {
  readonly pid: number;
  readonly bootId: string;
  readonly version: string;
  readonly epoch: number;
}

export interface ListenRequest {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface HeldListener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** One that arrives as an open descriptor. */
export interface InheritedListener extends HeldListener {
  readonly fd: number;
}

export interface WorkerSpec {
  readonly name: string;
  /** Program file for node. */
  readonly program: string;
  /** Passed to the worker as one JSON argument, completed with the inherited listeners (see proxy/protocol.ts WorkerConfig). */
  readonly config: Readonly<Record<string, unknown>>;
  readonly nodeArgs: readonly string[];
  readonly logFile: string;
}

export interface WorkerState {
  readonly name: string;
  readonly pid: number | null;
  readonly state: 'running' | 'backing-off' | 'stopped';
  readonly restarts: number;
}

/** A program as the keeper starts it, without anybody's help. */
export interface ProgramSpec {
  readonly id: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The whole environment; the keeper adds the marker SIGNALBOX_INSTANCE=<home hash>:<id>. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Rotated (copy + truncate, one old copy) beyond this. */
  readonly logBytes: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly limits: { readonly memoryMb?: number; readonly cpus?: number };
  /** Free-form labels of the runtime (workload, port …), given back by `list`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Everything needed to start one instance, and to start it again. */
export interface LaunchSpec extends ProgramSpec {
  /** Restart back-off after an exit: min * 2^n up to max, reset after `stableMs` of running. */
  readonly backoff: { readonly minMs: number; readonly maxMs: number; readonly stableMs: number };
  /** What asks it to end. Default SIGTERM. */
  readonly stopSignal?: StopSignal;
  /** Least time from that signal to SIGKILL when everything is shut down, ms. Default 10,000. */
  readonly graceMs?: number;
}

export type StopSignal = 'SIGTERM' | 'SIGINT';

export interface InstanceState {
  readonly id: string;
  readonly state: 'running' | 'backing-off' | 'stopping' | 'stopped';
  readonly pid: number | null;
  /** Wall clock, ms. */
  readonly startedAt: number | null;
  readonly restarts: number;
  readonly lastExit: ExitRecord | null;
  readonly labels: Readonly<Record<string, string>>;
  /** True when this keeper found it running and took it over. One without a record carries the label `stray`. */
  readonly adopted: boolean;
}

export interface InstanceUsage {
  readonly id: string;
  /** Of all its processes, without the files they have mapped. */
  readonly memoryBytes: number;
  /** `*` is every address. */
  readonly listening: readonly { readonly host: string; readonly port: number }[];
  /** One of its processes may not be looked into (it changed its user, say): it may listen where nobody can see it. */
  readonly opaque: boolean;
}

/** Why a process ended; set once. `code` and `signal` are null when it ended unobserved. */
export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly reason: 'exited' | 'stopped' | 'memory-limit' | 'start-failed' | 'unobserved';
  readonly message?: string;
  /** Wall clock, ms. */
  readonly at: number;
}

export interface RunSpec extends ProgramSpec {
  /** 0 (normal) to 19. */
  readonly nice: number;
}

export interface RunState {
  readonly id: string;
  readonly state: 'running' | 'ended';
  readonly pid: number | null;
  /** Known even when the keeper was not there at the end: the command's own shell writes it down. */
  readonly exitCode: number | null;
  readonly end: 'exited' | 'timed-out' | 'cancelled' | 'lost' | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly labels: Readonly<Record<string, string>>;
}
