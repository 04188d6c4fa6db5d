import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Commands } from '../control-plane/commands.ts';
import type { Masker } from '../domain/masking.ts';
import type { AppName, EnvironmentKey, ReleaseId, RolloutId, RunId } from '../domain/values.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { Store } from '../ports/store.ts';
import type { CertificatesBody, DoctorCheck, StepLogBody } from './contract.ts';
import type { DeclaredWorkload } from './present-status.ts';
import type { WebhookCommands } from './webhook-commands.ts';

/** The part of the store that the API reads. Writing is what commands are for. */
export type StoreReads = Pick<
  Store,
  | 'app'
  | 'apps'
  | 'environment'
  | 'environments'
  | 'release'
  | 'releases'
  | 'rollout'
  | 'rollouts'
  | 'run'
  | 'runs'
  | 'events'
  | 'hooks'
  | 'deliveries'
>;

/** The part of a data plane that `status` and `doctor` show. */
export interface DataPlaneReads {
  observe(): Promise<{
    readonly workers: readonly { readonly name: string; readonly version: number | null; readonly ready: boolean }[];
    readonly version: number | null;
    readonly skippedRoutes: readonly string[];
  }>;
  addresses(): Promise<{ readonly http: number; readonly https: number | null }>;
  /** Counts since the control plane's start. */
  statsNow(): Promise<{ readonly counts: readonly { readonly release: ReleaseId; readonly limited?: number }[] }>;
}

export interface ApiOptions {
  readonly commands: Commands;
  readonly store: StoreReads;
  readonly runtime: Pick<Runtime, 'observe' | 'logs'>;
  readonly dataPlane: DataPlaneReads;
  /** What shall run in an environment now, for `status` and drift. */
  readonly declared: (environment: EnvironmentKey) => Promise<readonly DeclaredWorkload[]>;
  /** Calls back after each committed change, until the returned function is called; makes streams follow at once. */
  readonly onChange?: (listener: () => void) => () => void;
  /** Lines of the builds and release commands of a rollout as they come, until the returned function is called. */
  readonly onRolloutLine?: (
    rollout: RolloutId,
    listener: (line: { readonly service: string; readonly line: string }) => void,
  ) => () => void;
  /** The same of a run. */
  readonly onRunLine?: (run: RunId, listener: (line: { readonly step: string; readonly line: string }) => void) => () => void;
  /** Output of steps, by line numbers. */
  readonly stepLogs: {
    read(
      of: { readonly app: AppName; readonly run: RunId; readonly step: string },
      page: { readonly after: number; readonly limit: number; readonly find?: string },
    ): Promise<StepLogBody>;
  };
  /** The certificates of HTTPS; `again`: read anew first. Left out where the data plane has none of its own. */
  readonly certificates?: (again: boolean) => Promise<Omit<CertificatesBody, 'https'>>;
  /** What forges send, and where it is set. Left out: no webhooks. */
  readonly webhooks?: WebhookCommands;
  /** Serves git's own clients: fetch and push. Left out: not here. Throws before anything is answered, or not at all. */
  readonly git?: (request: GitRequest, http: { incoming: IncomingMessage; outgoing: ServerResponse }) => Promise<void>;
  /** Checks that only the composition root can make (keeper, disk …), added to the API's own. */
  readonly doctor?: () => Promise<readonly DoctorCheck[]>;
  /** Called once the answer to a shutdown request is on its way. */
  readonly shutdown: (request: { readonly instances: boolean }) => void;
  /** Takes secrets out of every answer and event. Left out: nothing is secret. */
  readonly mask?: Masker;
  readonly token: string;
  /** Served besides TCP, mode 0600; a stale file is replaced. */
  readonly socketPath: string;
  /** Address to bind; on loopback, names other than this machine's are refused. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly version: string;
  /** Shown in `status`. */
  readonly home: string;
  /** Folder for bundles on their way; each is removed after its request. */
  readonly incoming: string;
  /** Called with what went wrong inside, for the log; never with what a client did wrong. */
  readonly onFault: (error: unknown) => void;
  readonly limits?: Partial<ApiLimits>;
}

/** What a client of git wants. */
export interface GitRequest {
  readonly app: AppName;
  readonly service: 'git-upload-pack' | 'git-receive-pack';
  /** The list of refs, or the service itself. */
  readonly part: 'info/refs' | 'service';
  /** The user name that it gave. */
  readonly pusher: string;
}

export interface ApiLimits {
  /** Bytes of a source bundle. Default 2 GiB. */
  readonly sourceBytes: number;
  /** Of event streams. Default 15 s. */
  readonly heartbeatMs: number;
  /** Bytes that wait for a slow reader of an event stream. Default 1 MiB. */
  readonly streamBytes: number;
  /** Between looks at the store while a stream waits for a change. Default 500 ms. */
  readonly pollMs: number;
}

export const defaultLimits: ApiLimits = {
  sourceBytes: 2 * 1024 ** 3,
  heartbeatMs: 15_000,
  streamBytes: 1024 * 1024,
  pollMs: 500,
};
