import type { CertificateFacts, CertificateProblem } from '../certificates/facts.ts';
import type { Link, Pool, RouteTable, Split } from '../domain/route-table.ts';

/** What a proxy worker is started with: its only argument, as JSON. Listeners arrive as inherited file descriptors. */
export interface WorkerConfig {
  /** Of the product; a worker of another version is exchanged. */
  readonly version?: string;
  readonly name: string;
  /** Folder with `routes.json` (the last table) and the workers' sockets. */
  readonly dir: string;
  readonly controlSocket: string;
  readonly listeners: readonly InheritedListener[];
  /** Peers (CIDR) whose forwarding headers are believed. Default none. */
  readonly trustedProxies: readonly string[];
  readonly limits: ProxyLimits;
  /** Folder of the certificates for the listener `https`. */
  readonly certificates?: string;
  /** Port that clients reach that listener by; null or left out: its own. */
  readonly publicHttpsPort?: number | null;
}

export interface InheritedListener {
  /** `http`, `https`; `link-<slot>` for release-local addresses. */
  readonly name: string;
  readonly fd: number;
  readonly host: string;
  readonly port: number;
}

/** Times in milliseconds, sizes in bytes. Defaults in proxy/limits.ts. */
export interface ProxyLimits {
  readonly headersTimeoutMs: number;
  /** Longest silence inside a request body. */
  readonly bodyIdleTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** Longest path with its query. */
  readonly maxTargetBytes: number;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Requests that may wait while traffic is held, per app and environment. */
  readonly holdQueue: number;
  readonly holdTimeoutMs: number;
  /** From a connection's start to the end of its TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** TLS handshakes under way at a time; beyond, the one that has taken longest ends. */
  readonly maxHandshakes: number;
  /** Longest time in which a client takes nothing of what waits for it: of an answer over HTTP/2, or of all that its connection carries. */
  readonly stallTimeoutMs: number;
}

export type ProxyMethods = {
  hello: { params: Record<string, never>; result: WorkerHello };
  /** Makes pools known ahead of a commit; may take time. */
  prepare: { params: { epoch: number; pools: readonly Pool[] }; result: null };
  /** Replaces the table as a whole or refuses it as a whole (STALE_EPOCH, BAD_TABLE). Once answered no request starts on the old one. */
  commit: { params: { table: RouteTable; digest?: string }; result: { version: number } };
  /** The same, told by what differs from the table being served; TABLE_GAP when that is another one, then the whole is needed. */
  'commit-change': { params: { change: TableChange }; result: { version: number } };
  /** Waits until nothing is in flight to the pool; at the deadline ends the rest. Static and unknown pools are idle. */
  drain: { params: { epoch: number; pool: string; deadlineMs: number }; result: DrainResult };
  stats: { params: Record<string, never>; result: WorkerStats };
  /** From now on this connection gets a `stats` event every `everyMs`. */
  'watch-stats': { params: { everyMs: number }; result: null };
  /** Stops accepting, lets requests finish (keep-alive connections get `connection: close`), then exits. */
  finish: { params: { graceMs: number }; result: null };
  /** The certificates that are served, and what in their folder is not. */
  certificates: { params: Record<string, never>; result: CertificateReport };
  /** Reads their folder at once instead of within two seconds. */
  'reload-certificates': { params: Record<string, never>; result: CertificateReport };
  /** Starts a program that inherits this worker's listeners: how a lost keeper gets them back. argv gets the listeners as a last JSON argument. */
  'spawn-with-listeners': { params: { argv: readonly [string, ...string[]]; logFile: string }; result: { pid: number } };
};

/** What makes the next table of one that a worker serves already. */
export interface TableChange {
  /** Digest of the table that this is a change of. */
  readonly base: string;
  /** Digest of the table that comes of it. */
  readonly digest: string;
  readonly version: number;
  readonly epoch: number;
  /** New or different ones by `put`, keys of those that are gone by `drop`. */
  readonly splits: { readonly put: readonly Split[]; readonly drop: readonly string[] };
  readonly pools: { readonly put: readonly Pool[]; readonly drop: readonly string[] };
  /** All of them: they are few. */
  readonly links: readonly Link[];
}

export type ProxyEvents = {
  stats: WorkerStats;
  /** A request waits for a pool that is empty and holds. Sent to every connection, once per request. */
  wake: { pool: string };
};

export interface WorkerHello {
  readonly name: string;
  readonly pid: number;
  /** New for every start; counters start at zero with it. */
  readonly bootId: string;
  readonly version: number;
  readonly epoch: number;
  /** Names the content of the table; null when it is not to the letter what was committed. */
  readonly digest: string | null;
  /** Routes of the stored table that could not be read and were left out, as long as that table is served. */
  readonly skippedRoutes: readonly string[];
}

export interface CertificateReport {
  readonly certificates: readonly CertificateFacts[];
  readonly problems: readonly CertificateProblem[];
  /** Other users of the machine can list the folder. */
  readonly exposed: boolean;
  /** Null: there is no listener for HTTPS. */
  readonly handshakes: HandshakeCounts | null;
}

/** TLS handshakes since the worker's start. */
export interface HandshakeCounts {
  readonly done: number;
  readonly failed: number;
  readonly timedOut: number;
  /** Ended to make room for newer ones. */
  readonly evicted: number;
  /** Refused, because no certificate is made out to the host that was asked for. */
  readonly unknownNames: number;
}

export interface DrainResult {
  readonly finished: number;
  readonly cut: number;
}

/** Cumulative since the worker's start. */
export interface WorkerStats {
  readonly name: string;
  readonly bootId: string;
  readonly version: number;
  readonly connections: number;
  readonly counts: readonly ArmCounts[];
}

/** Exact counts of one (release, workload) pair. */
export interface ArmCounts {
  readonly release: string;
  readonly workload: string;
  readonly app: string;
  readonly environment: string;
  /** Requests routed there (candidate requests are not counted). */
  readonly requests: number;
  readonly inFlight: number;
  /** Answered by the app, by status class 1..5 (index 0 unused). */
  readonly byClass: readonly [number, number, number, number, number, number];
  /** What a gate counts against the release: 5xx of the app, resets, time-outs, refused connections, before any rescue by stable. */
  readonly errors: number;
  /** What a client felt as Signalbox's or the release's cut: proxy-made 5xx, truncated or reset responses. */
  readonly dropped: number;
  /** Failed on the canary, answered by stable. */
  readonly rescued: number;
  /** Resent to another instance of the same pool. */
  readonly resent: number;
  /** Answered with 429 before they reached the release; counted nowhere else. Undefined: a worker of an older version. */
  readonly limited?: number;
  /** Time to first byte; counts per bucket of `latencyBucketsMs`, one more for the rest. */
  readonly latency: readonly number[];
}

/** Upper bounds in ms: 1, 2, 5 … 60,000. */
export const latencyBucketsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000] as const;
