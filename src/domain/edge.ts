import { type Millis, millis, type ServiceName } from './values.ts';

/**
 * What stands between clients and one service of a release: headers that answers get, and how much of what a client may ask for.
 * It moves with the release's share of the traffic and is no part of a workload: changing it restarts nothing.
 */
export interface EdgeSpec {
  /** Added to answers that carry no header of that name (whatever its case, even an empty one). No name twice. */
  readonly headers: readonly EdgeHeader[];
  /** The first whose path holds the request counts: longest path first, the last one is `/`. */
  readonly maxBody: readonly BodyLimit[];
  /** Longest silence inside a request body. */
  readonly bodyTimeout: Millis;
  /** All that apply have to agree; empty: no limit. */
  readonly rates: readonly RateRule[];
  /** Left out (in releases of an earlier version): as by default. */
  readonly https?: HttpsRule;
}

/** What clients are told who come over HTTP while there is a certificate for the host. */
export interface HttpsRule {
  /** Sent to HTTPS, path and query kept (308). */
  readonly redirect: boolean;
  /** How long a client remembers to use HTTPS alone (Strict-Transport-Security, for the host itself); null: it is not told to. */
  readonly hsts: Millis | null;
}

export interface EdgeHeader {
  readonly name: string;
  readonly value: string;
}

export interface BodyLimit {
  /** Prefix on segment borders, as clients ask for it. */
  readonly path: string;
  /** Bytes; null: no limit. */
  readonly bytes: number | null;
}

/** A bucket of `burst` requests that fills at `requests` per `per`. What it refuses takes nothing out of it. */
export interface RateRule {
  readonly requests: number;
  readonly per: Millis;
  readonly burst: number;
  /** `client`: a bucket for each address (IPv6: each /64). `all`: one for everybody. */
  readonly by: 'client' | 'all';
  /** Prefixes on segment borders, as clients ask for them; the spelling (case, escapes, dots) makes no difference. */
  readonly paths: readonly string[];
  /** Clients with addresses of this machine or of private networks count, too. */
  readonly local: boolean;
  /** The service whose requests it counts; null: those of the whole app together. */
  readonly service: ServiceName | null;
}

/** 180 days: as long as those who rate it ask for at least. Hosts below are left alone: they may not be ours. */
export const defaultHttps: HttpsRule = { redirect: true, hsts: millis(180 * 86_400_000) };

/** Bytes: 100 MiB. */
const maxBodyByDefault = 100 * 1024 * 1024;

/**
 * What holds for a service that says nothing. Only headers that break no ordinary app, a rate that no page and no office behind
 * one address reaches, and a body that holds a long video of a phone. Reasons: docs/decisions/0017-edge.md.
 */
export const defaultEdge: EdgeSpec = {
  headers: [
    { name: 'X-Content-Type-Options', value: 'nosniff' },
    { name: 'Referrer-Policy', value: 'strict-origin-when-cross-origin' },
    { name: 'X-Frame-Options', value: 'SAMEORIGIN' },
  ],
  maxBody: [{ path: '/', bytes: maxBodyByDefault }],
  bodyTimeout: millis(30_000),
  rates: [{ requests: 100, per: millis(1_000), burst: 2_000, by: 'client', paths: ['/'], local: false, service: null }],
  https: defaultHttps,
};
