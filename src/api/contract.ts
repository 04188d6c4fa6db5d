/**
 * The HTTP API as clients see it: paths and JSON bodies, all that the CLI and the dashboard may import.
 * Every call but `GET /v1/ping` carries `authorization: Bearer <token>`, on the unix socket too.
 * `signalbox-by: <percent-encoded>` says who asks; only locks of environments look at it.
 * Errors are `application/problem+json` (ProblemBody) with a fitting status. Lists are paged with `limit` and `before` (events: `after`).
 * Event streams carry a comment every 15 s while idle and end when the control plane stops: clients come back (events: with
 * `Last-Event-ID`, and miss nothing). One that does not read is dropped.
 *
 * GET  /v1/ping                                          -> PingBody
 * GET  /v1/status                                        -> StatusBody
 * POST /v1/apps/:app/source?ref=REF                      git bundle as the body -> SourceBody
 * POST /v1/apps/:app/environments/:env/plan              DeployBody -> PlanBody
 * POST /v1/apps/:app/environments/:env/deploys           DeployBody -> AcceptedBody (202)
 * POST /v1/apps/:app/environments/:env/rollbacks         RollbackBody -> AcceptedBody (202)
 * POST /v1/apps/:app/environments/:env/rollout/:verb     verb: promote | abort | pause | resume -> SteeredBody
 * POST /v1/rollouts/:id/:verb                            the same by id -> SteeredBody
 * POST /v1/apps/:app/environments/:env/traffic           TrafficBody -> 204
 * POST /v1/apps/:app/environments/:env/accessories/:name/:act   act: restart | apply | remove; AccessoryBody -> 204
 * POST /v1/apps/:app/environments/:env/promotions        PromotionBody -> AcceptedBody (202); .../promotions/plan -> PlanBody
 * GET  /v1/apps/:app/environments                        -> ListBody<EnvironmentRowBody>
 * GET  /v1/apps/:app/environments/:env                   -> EnvironmentBody
 * GET  /v1/apps/:app/environments/:env/diff?with=ENV     -> DiffBody
 * POST /v1/apps/:app/environments/:env/lock              LockRequestBody -> LockBody
 * POST /v1/apps/:app/environments/:env/unlock            UnlockBody -> UnlockedBody
 * POST /v1/apps/:app/environments/:env/sync              -> SyncBody
 * GET  /v1/apps/:app/environments/:env/releases          -> ListBody<ReleaseBody>
 * GET  /v1/apps/:app/environments/:env/rollouts          -> ListBody<RolloutBody>
 * GET  /v1/rollouts/:id                                  -> RolloutBody
 * GET  /v1/rollouts/:id/watch                            server-sent events: `rollout` (RolloutBody), `log` ({service, line}), until it has ended
 * POST /v1/apps/:app/runs                                StartRunBody -> StartedRunBody (202)
 * GET  /v1/apps/:app/runs                                -> ListBody<RunBody>
 * GET  /v1/runs/:id                                      -> RunBody
 * GET  /v1/runs/:id/watch                                server-sent events: `run` (RunBody), `log` ({step, line}), until it has ended
 * GET  /v1/runs/:id/steps/:step/log?after=&limit=&find=  -> StepLogBody
 * POST /v1/runs/:id/cancel                               CancelRunBody -> 204
 * GET  /v1/events?app=&environment=&after=&limit=        -> ListBody<EventBody>; with accept: text/event-stream
 *                                                        they are followed as `event` (EventBody)
 * GET  /v1/apps/:app/environments/:env/logs?service=&release=&tail=&follow=   server-sent events: `line` (LogBody)
 * GET  /v1/apps/:app/environments/:env/secrets           -> SecretsBody; never a value
 * POST /v1/apps/:app/environments/:env/secrets/:secret   SetSecretBody -> SecretSetBody
 * POST /v1/apps/:app/environments/:env/secrets/:secret/remove   RemoveSecretBody -> SecretRemovedBody
 * POST /v1/secrets/rotate-key                            -> KeyRotatedBody
 * POST /v1/secrets/export, POST /v1/secrets/import       ExportSecretsBody -> SecretsExportBody, ImportSecretsBody -> SecretsImportedBody
 * GET  /v1/doctor                                        -> DoctorBody
 * GET  /v1/certificates, POST /v1/certificates/reload    -> CertificatesBody
 * GET  /v1/webhooks                                      -> ListBody<WebhookBody>
 * POST /v1/apps/:app/webhook                             NewWebhookBody -> WebhookAddedBody
 * POST /v1/apps/:app/webhook/remove                      -> 204
 * GET  /v1/apps/:app/webhook/deliveries                  -> ListBody<DeliveryBody>
 * POST /v1/hooks/:app                                    what a forge sends; no token, its own proof -> HookAnswerBody (202, or 200: known)
 * POST /v1/shutdown                                      ShutdownBody -> 202 (used by `down`)
 * GET  /v1/openapi.json                                  the OpenAPI 3.1 description of all this
 */
import type { DeclaredBody, LockBody, PromotedFromBody } from './contract/environments.ts';

export const apiVersion = 'v1';

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface PingBody {
  readonly name: 'signalbox';
  readonly version: string;
  readonly pid: number;
}

export interface ListBody<Row> {
  readonly items: readonly Row[];
  /** Pass as `before` (events: `after`) for the next page; absent on the last. */
  readonly next?: string;
}

export interface StartRunBody {
  readonly sha: string;
  /** Full name, as refs/heads/main: a newer run of the same one takes its place. */
  readonly ref?: string;
  readonly dirty: boolean;
  readonly folder: string;
  readonly folderName: string;
  /** To ship to, in this order; none: it only checks. */
  readonly environments: readonly string[];
  /** An ended run of the same commit, whose passed steps count. */
  readonly retryOf?: string;
  /** Who asks, for people. */
  readonly who?: string;
}

export interface StartedRunBody {
  readonly runId: string;
}

export interface CancelRunBody {
  readonly who?: string;
}

export interface RunBody {
  readonly id: string;
  readonly app: string;
  readonly sha: string;
  readonly subject: string;
  readonly ref: string | null;
  readonly dirty: boolean;
  readonly folder: string;
  readonly folderName: string;
  readonly by: 'push' | 'webhook' | 'command';
  readonly who: string;
  /** queued, running, deploying, succeeded, failed, cancelled or superseded. */
  readonly phase: string;
  readonly ended: boolean;
  readonly reason?: RunReasonBody;
  readonly steps: readonly RunStepBody[];
  readonly deploys: readonly {
    readonly environment: string;
    readonly rolloutId: string | null;
    readonly state: 'waiting' | 'asked' | 'live' | 'same' | 'failed';
  }[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly durationMs: number;
}

export interface RunReasonBody {
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  readonly log?: readonly string[];
}

export interface RunStepBody {
  readonly name: string;
  readonly kind: 'build' | 'command';
  readonly state: 'waiting' | 'running' | 'passed' | 'failed' | 'cancelled' | 'skipped';
  readonly tries: number;
  readonly optional: boolean;
  /** Nothing had to be done: it was built, or had passed, before. */
  readonly cached: boolean;
  readonly exitCode: number | null;
  readonly durationMs?: number;
  readonly reason?: RunReasonBody;
}

export interface StepLogBody {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  /** Pass as `after` for what follows. */
  readonly next: number;
}

export interface SourceBody {
  readonly sha: string;
  readonly subject: string;
}

export interface DeployBody {
  readonly sha: string;
  readonly dirty: boolean;
  readonly folder: string;
  readonly folderName: string;
  readonly strategy?: 'blue-green' | 'rolling' | 'canary';
  /** Goes through although no window for deploys is open, for this reason. */
  readonly forceWindow?: string;
}

export interface RollbackBody {
  /** `3` or `v3`. */
  readonly to?: string;
  readonly force?: boolean;
}

export interface TrafficBody {
  readonly kind: 'open' | 'hold' | 'stop';
  readonly message?: string;
}

export interface ShutdownBody {
  /** True: the apps are stopped too; false: they and their traffic go on. */
  readonly instances: boolean;
}

export interface AcceptedBody {
  readonly rolloutId: string;
  readonly release: string;
}

export interface SteeredBody {
  readonly rolloutId: string;
}

export interface PlanBody {
  readonly release: string;
  readonly operations: readonly string[];
  readonly notes: readonly string[];
  readonly memory: { readonly neededMb: number | null; readonly availableMb: number | null; readonly warmMb: number | null };
  readonly promotedFrom?: PromotedFromBody;
  readonly refused?: ReasonBody;
}

export interface ReasonBody {
  readonly code: string;
  readonly message: string;
  readonly service?: string;
  readonly log?: readonly string[];
}

/** Times are ISO 8601 UTC; durations end in Ms. */
export interface RolloutBody {
  readonly id: string;
  readonly app: string;
  readonly environment: string;
  readonly kind: 'deploy' | 'rollback';
  /** `v3`. */
  readonly release: string;
  readonly from: string | null;
  readonly sha: string;
  readonly subject: string;
  readonly phase: string;
  readonly ended: boolean;
  /** All traffic is on the release. */
  readonly live: boolean;
  readonly promotedFrom?: PromotedFromBody;
  readonly reason?: ReasonBody;
  readonly weights: readonly { readonly release: string; readonly percent: number }[];
  readonly steps: readonly {
    readonly name: string;
    readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'skipped';
    readonly durationMs?: number;
  }[];
  /** What the gate or the bake watch says at the moment, in one sentence. */
  readonly verdict?: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly liveAt: string | null;
  readonly endedAt: string | null;
  readonly durationMs: number;
  readonly switchMs: number | null;
  readonly restoreMs: number | null;
  readonly requests: { readonly served: number; readonly dropped: number };
}

export interface ReleaseBody {
  readonly id: string;
  readonly release: string;
  readonly sha: string;
  readonly subject: string;
  readonly dirty: boolean;
  readonly createdAt: string;
  readonly state: 'live' | 'warm' | 'candidate' | 'kept';
  readonly services: readonly { readonly name: string; readonly kind: string; readonly workload: string }[];
}

export interface EventBody {
  readonly sequence: number;
  readonly type: string;
  readonly at: string;
  readonly app?: string;
  readonly environment?: string;
  readonly rollout?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface LogBody {
  readonly service: string;
  readonly release: string;
  readonly instance: string;
  readonly text: string;
}

export interface StatusBody {
  readonly version: string;
  readonly home: string;
  readonly addresses: { readonly http: number; readonly https: number | null; readonly api: number };
  readonly dataPlane: { readonly ready: boolean; readonly workers: number; readonly skippedRoutes: readonly string[] };
  readonly environments: readonly EnvironmentStatusBody[];
}

export interface EnvironmentStatusBody {
  readonly app: string;
  readonly environment: string;
  readonly release: string | null;
  readonly proven: string | null;
  readonly traffic: 'open' | 'hold' | 'stop';
  readonly urls: readonly string[];
  readonly weights: readonly { readonly release: string; readonly percent: number }[];
  readonly rollout: RolloutBody | null;
  readonly services: readonly ServiceStatusBody[];
  readonly accessories: readonly AccessoryStatusBody[];
  /** Requests refused with 429 since the control plane's start. Undefined: none. */
  readonly limited?: number;
  /** Who keeps the changes of others away. Undefined: nobody. */
  readonly lock?: LockBody;
  /** What runs against what was declared; empty when all is as it should be. */
  readonly drift: readonly string[];
}

/** What an environment declares, and what runs; `declared` is null before its first switch. */
export interface EnvironmentBody {
  readonly declared: DeclaredBody | null;
  readonly status: EnvironmentStatusBody;
}

export interface ServiceStatusBody {
  readonly service: string;
  readonly release: string;
  readonly kind: string;
  readonly declared: number;
  readonly running: number;
  readonly restarts: number;
  readonly memoryMb: number | null;
  readonly fault?: string;
}

export interface AccessoryStatusBody {
  readonly name: string;
  /** Type and version. */
  readonly what: string;
  readonly state: 'starting' | 'running' | 'backing-off' | 'stopping' | 'stopped';
  readonly healthy: boolean;
  /** Where it is reached from this machine, `host:port`. */
  readonly address: string | null;
  readonly restarts: number;
  readonly memoryMb: number | null;
  readonly fault?: string;
}

export interface AccessoryBody {
  /** Of `remove`: what it has written down is deleted for good. */
  readonly deleteData?: boolean;
}

/** What HTTPS is served with. */
export interface CertificatesBody {
  /** Port; null: HTTPS is not served. */
  readonly https: number | null;
  readonly certificates: readonly CertificateBody[];
  /** What in the folder is not served. */
  readonly problems: readonly {
    readonly code: string;
    readonly file: string;
    readonly message: string;
    readonly fix: string;
  }[];
  /** Other users of the machine can list the folder. */
  readonly exposed: boolean;
  /** Since the workers' start; null without HTTPS. */
  readonly handshakes: {
    readonly done: number;
    readonly failed: number;
    readonly timedOut: number;
    readonly evicted: number;
    readonly unknownNames: number;
  } | null;
}

export interface CertificateBody {
  readonly name: string;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly key: 'ecdsa' | 'rsa' | 'ed25519';
  readonly issuer: string;
  readonly selfSigned: boolean;
  /** Wall clock, ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256. */
  readonly fingerprint: string;
}

export interface DoctorBody {
  readonly checks: readonly DoctorCheck[];
}

export interface DoctorCheck {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly fix?: string;
}

export interface NewWebhookBody {
  readonly kind: 'github' | 'gitlab' | 'gitea';
  /** Of the repository: https, or ssh with a deploy key. No user or password in it. */
  readonly url: string;
  /** Base of the forge's API where it is not the usual one. */
  readonly api?: string;
  /** Default: a new one. */
  readonly secret?: string;
  readonly token?: string;
  /** A private key as ssh-keygen writes it, without a passphrase. */
  readonly deployKey?: string;
}

export interface WebhookBody {
  readonly app: string;
  readonly kind: 'github' | 'gitlab' | 'gitea';
  readonly url: string;
  /** Where the forge has to send to, on the address of the API. */
  readonly path: string;
  readonly token: boolean;
  readonly deployKey: boolean;
  readonly createdAt: string;
}

export interface WebhookAddedBody extends WebhookBody {
  /** Shown this once. */
  readonly secret: string;
}

export interface DeliveryBody {
  readonly id: string;
  /** The forge's name of it. */
  readonly name: string;
  readonly type: string;
  readonly ref?: string;
  readonly sha?: string;
  readonly pullRequest?: number;
  readonly fromFork?: boolean;
  readonly receivedAt: string;
  readonly state: 'waiting' | 'working' | 'done' | 'failed';
  readonly attempts: number;
  readonly outcome: string | null;
}

export interface HookAnswerBody {
  readonly result: 'taken' | 'noted' | 'already taken';
  readonly delivery: string;
}

export interface SecretsBody {
  readonly secrets: readonly {
    readonly name: string;
    /** Newest last. */
    readonly versions: readonly {
      readonly version: number;
      readonly createdAt: string;
      readonly bytes: number;
      /** Kept releases that need it, as `v3 (api)`. */
      readonly usedBy: readonly string[];
    }[];
  }[];
}

/** `value` in base64: any bytes, at most 64 KiB of them. */
export interface SetSecretBody {
  readonly value: string;
}

export interface SecretSetBody {
  readonly name: string;
  readonly version: number;
  readonly notes: readonly string[];
}

/** Without `version`: all of them. */
export interface RemoveSecretBody {
  readonly version?: number;
  readonly force?: boolean;
}

export interface SecretRemovedBody {
  readonly name: string;
  readonly removed: readonly number[];
}

export interface KeyRotatedBody {
  readonly rewrapped: number;
}

/** Without names: everything. */
export interface ExportSecretsBody {
  readonly passphrase: string;
  readonly app?: string;
  readonly environment?: string;
}

export interface SecretsExportBody {
  readonly document: string;
  readonly count: number;
}

export interface ImportSecretsBody {
  readonly document: string;
  readonly passphrase: string;
}

export interface SecretsImportedBody {
  readonly restored: number;
  readonly kept: number;
}
