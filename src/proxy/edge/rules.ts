import type { EdgeSpec, RateRule } from '../../domain/edge.ts';
import { Buckets, type Fill } from './buckets.ts';
import type { Client } from './client.ts';
import { holds, plainPath, plainPrefix } from './paths.ts';

/** What stands between clients and one service of one release, ready for use. */
export interface BoundEdge {
  readonly headers: EdgeSpec['headers'];
  readonly rates: readonly BoundRate[];
  readonly bodyTimeoutMs: number;
  /** Clients that come over HTTP are sent to HTTPS where there is a certificate. */
  readonly redirect: boolean;
  /** The same for clients that are to use HTTPS alone; undefined: they are not told to. */
  readonly secured: BoundEdge | undefined;
  /** In plain spelling, longest first. */
  readonly maxBody: readonly { readonly path: string; readonly bytes: number }[];
}

interface BoundRate extends Fill {
  /** In plain spelling; undefined: all paths. */
  readonly paths: readonly string[] | undefined;
  readonly everybody: boolean;
  readonly local: boolean;
}

/** Limits remembered beyond the tables that name them, so that going back to a release goes on counting. */
const rememberedLimits = 10_000;

/** The limits of a worker and what has been taken out of them: outlives tables, not the worker. */
export class Rates {
  readonly #buckets = new Buckets();
  readonly #limits = new Map<string, number>();
  #last = 0;

  /** @param key of the app and environment: rules that say the same count together in it, whatever release they came with. */
  bind(key: string, edge: EdgeSpec): BoundEdge {
    // What an earlier version stored knows nothing of HTTPS: as by default.
    const { redirect, hsts } = edge.https ?? { redirect: true, hsts: 180 * 86_400_000 };
    const bound: BoundEdge = {
      headers: edge.headers,
      redirect,
      secured: undefined,
      rates: edge.rates.map((rule) => this.#bindRule(key, rule)),
      bodyTimeoutMs: edge.bodyTimeout,
      maxBody: edge.maxBody.map(({ path, bytes }) => ({ path: plainPrefix(path), bytes: bytes ?? Number.POSITIVE_INFINITY })),
    };
    if (hsts === null) return bound;
    const promise = { name: 'Strict-Transport-Security', value: `max-age=${Math.floor(hsts / 1_000)}` };
    return { ...bound, secured: { ...bound, headers: [...edge.headers, promise] } };
  }

  /** Counts a request. @returns milliseconds until it would pass, 0 when it has; a request that is refused counts nowhere. */
  take(rates: readonly BoundRate[], client: Client, target: string, nowMs = performance.now()): number {
    let wait = 0;
    let path: string | undefined;
    let taken = 0;
    for (const rate of rates) {
      if (client.local && !rate.local) continue;
      if (rate.paths && !within(rate.paths, (path ??= plainPath(target)))) continue;
      taken += 1;
      wait = Math.max(wait, this.#buckets.wait(rate, rate.everybody ? everybody : client, nowMs));
    }
    if (wait > 0 || taken === 0) return wait;
    for (const rate of rates) {
      if (client.local && !rate.local) continue;
      if (rate.paths && !within(rate.paths, (path ??= plainPath(target)))) continue;
      this.#buckets.take(rate, rate.everybody ? everybody : client, nowMs);
    }
    return 0;
  }

  #bindRule(key: string, { requests, per, burst, by, paths, local, service }: RateRule): BoundRate {
    const plain = paths.map(plainPrefix);
    return {
      limit: this.#limitOf(JSON.stringify([key, service, requests, per, burst, by, plain])),
      spacingMs: per / requests,
      burst,
      paths: plain.includes('/') ? undefined : plain,
      everybody: by === 'all',
      local,
    };
  }

  #limitOf(name: string): number {
    let limit = this.#limits.get(name);
    if (limit === undefined) {
      if (this.#limits.size >= rememberedLimits) this.#limits.clear();
      this.#last += 1;
      limit = this.#last;
      this.#limits.set(name, limit);
    }
    return limit;
  }
}

/** No address: 255.255.255.255 sends nothing. */
const everybody: Client = { high: 0, low: 0xffffffff, local: false };

const within = (prefixes: readonly string[], path: string): boolean => prefixes.some((prefix) => holds(prefix, path));

/** Bytes that a body may have; `fallback` where the table sets no limit. */
export function bodyLimitOf(edge: BoundEdge | undefined, target: string, fallback: number): number {
  if (!edge) return fallback;
  const [only] = edge.maxBody;
  if (only && edge.maxBody.length === 1 && only.path === '/') return only.bytes;
  const path = plainPath(target);
  return edge.maxBody.find((limit) => holds(limit.path, path))?.bytes ?? fallback;
}
