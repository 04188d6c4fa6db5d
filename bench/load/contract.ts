/** How one request of the mix looks and what its answer must be. */
export interface MixItem {
  readonly name: string;
  /** Share of the traffic relative to the other items' weights. */
  readonly weight: number;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  /** Default 200. */
  readonly status?: number;
  /** Exact length of the answer's body. Default: any, as long as its framing is complete. */
  readonly bytes?: number;
  /** Size of a POST's body, at least; default only what an order needs. */
  readonly bodyBytes?: number;
  /** The body carries a nonce that the answer must repeat and the app must record exactly once. */
  readonly order?: boolean;
  /**
   * `app` (default): the answer must carry the app header, the tag of its own request (`x-tag`) and a matching `x-crc32`.
   * `status`: status, framing and length only, for apps that know nothing of this client.
   */
  readonly check?: 'app' | 'status';
}

/** Long-lived streams with sequence numbers; each is opened again after its end and goes on where it stopped. */
export interface StreamOptions {
  readonly count: number;
  /** The client adds `client=<id>` and, for websockets, `from=<next number>`; event streams resume by `last-event-id`. */
  readonly path: string;
  /** Longest time without a message before the stream counts as timed out. Default 15,000 ms. */
  readonly silenceMs?: number;
}

export interface LoadOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Default `host:port` of the target. */
  readonly hostHeader?: string;
  /** Empty: streams only, until `seconds` have passed or it is told to stop. */
  readonly mix: readonly MixItem[];
  /**
   * `closed` (default): every connection sends its next request when it has its answer; `rate` then is an upper bound.
   * `open`: requests are due at `rate` whatever the answers do; latency counts from when a request was due.
   */
  readonly mode?: 'open' | 'closed';
  /** Requests per second over all connections. Required for `open`; default unlimited. */
  readonly rate?: number;
  /** Requests in flight at most. Default 16. */
  readonly connections?: number;
  /** Ends after this long. Default: at `count`, else when told to stop. */
  readonly seconds?: number;
  /** Ends after this many requests. */
  readonly count?: number;
  /** Share of requests sent on a connection opened for them, 0 to 1. Default 0.2. */
  readonly newConnections?: number;
  /** For a whole exchange, connecting included. Default 15,000 ms. */
  readonly timeoutMs?: number;
  readonly websockets?: StreamOptions;
  readonly events?: StreamOptions;
  /** Header that every answer of the app carries: a 5xx without it was made by the proxy. Default `x-app`; null: every 5xx is a drop. */
  readonly appHeader?: string | null;
  /** Prefix of nonces and stream ids. Default random. */
  readonly runId?: string;
}

/**
 * What a client may lose.
 * - refused: no connection; reset: closed before the first byte of the answer, or by RST at any time; truncated: clean close inside an answer;
 *   timed-out: no complete answer within the time limit, or a silent stream; proxy-5xx: a 5xx that the app did not make;
 *   wrong-answer: another answer than asked for (status, length, content, framing, somebody else's answer)
 * - sequence-gap, sequence-repeat: a number of a stream skipped or sent again; stream-cut: a stream's end other than close 1012 or a clean end
 * - order-lost, order-repeated: an acknowledged order that the app never executed; any order that it executed more than once
 */
export const dropKinds = [
  'refused',
  'reset',
  'truncated',
  'timed-out',
  'proxy-5xx',
  'wrong-answer',
  'sequence-gap',
  'sequence-repeat',
  'stream-cut',
  'order-lost',
  'order-repeated',
] as const;
export type DropKind = (typeof dropKinds)[number];

export interface DropDetail {
  readonly kind: DropKind;
  /** Name of the mix item, `websocket` or `events`. */
  readonly item: string;
  readonly detail: string;
  /** Wall clock, ms. */
  readonly at: number;
}

export interface StreamCounts {
  /** Handshakes that succeeded. */
  readonly opened: number;
  readonly messages: number;
  /** Ended with 1012 or cleanly, then opened again. */
  readonly cleanEnds: number;
}

/** Log buckets of a latency histogram, see histogram.ts. */
export interface HistogramData {
  readonly count: number;
  readonly sumMs: number;
  readonly maxMs: number;
  readonly buckets: readonly (readonly [index: number, count: number])[];
}

/** What was seen of one value of the app header. Times are wall clock in ms with fractions. */
export interface AppSeen {
  readonly answers: number;
  /** Earliest and latest arrival at the app, by its own clock (`x-at`); null when it does not say. */
  readonly firstArrival: number | null;
  readonly lastArrival: number | null;
}

/** Totals that may be read at any time. `started = ok + appErrors + dropped requests + inFlight`. */
export interface LoadTotals {
  readonly elapsedMs: number;
  readonly started: number;
  readonly inFlight: number;
  readonly ok: number;
  /** Answers of the app other than asked for (its own 5xx, say): not lost, but not right either. */
  readonly appErrors: number;
  /** Sum of `drops`. */
  readonly dropped: number;
  readonly drops: Readonly<Record<DropKind, number>>;
  /** Faults of this machine (no ports or files left): the run says nothing when this is not 0. */
  readonly clientFaults: number;
  readonly connectionsOpened: number;
  readonly websockets: StreamCounts;
  readonly events: StreamCounts;
  readonly apps: Readonly<Record<string, AppSeen>>;
}

export interface LoadReport extends LoadTotals {
  readonly runId: string;
  /** Wall clock, ms. */
  readonly startedAt: number;
  readonly perItem: Readonly<Record<string, number>>;
  /** The first drops in full, 50 at most. */
  readonly firstDrops: readonly DropDetail[];
  readonly firstClientFault: string | null;
  /** By phase (see `mark`), then by mix item, in ms. */
  readonly latency: Readonly<Record<string, Readonly<Record<string, HistogramData>>>>;
  readonly orders: OrderLedger;
}

/** What the client knows of its orders: nonces are `<prefix>-<0 … sent-1>`. */
export interface OrderLedger {
  readonly prefix: string;
  readonly sent: number;
  /** One bit per order, lowest bit first, base64. */
  readonly acknowledged: string;
}
