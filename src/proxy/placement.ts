import type { ProxyContext } from './context.ts';
import type { ArmCounter } from './counts.ts';
import type { BoundEdge } from './edge/rules.ts';
import type { OwnAnswer } from './pages.ts';
import type { PoolState } from './pools.ts';
import type { RequestHead } from './request-head.ts';
import { nextRoute, withoutPrefix } from './routing.ts';
import { armOfBucket, armOfCandidate, asksForPublic, bucketOfCookie, carriesToken, drawBucket, splitCookie } from './split.ts';
import type { BoundRoute, Target } from './table.ts';

/** Where a request goes, decided under one table. */
export interface Placement {
  readonly pool: PoolState;
  /** Undefined for what is not counted: candidate requests and release-local links. */
  readonly counter: ArmCounter | undefined;
  /** What stands before the release; undefined: nothing. */
  readonly edge: BoundEdge | undefined;
  /** The stable release, when the arm is a canary and may be helped out. */
  readonly rescue: Target | undefined;
  /** Target as the instance sees it. */
  readonly path: string;
  readonly prefix: string | undefined;
  /** Set-Cookie value that pins the client to its bucket. */
  readonly cookie: string | undefined;
}

/** The request has to wait until the table lets it go. */
export interface Wait {
  readonly queue: string;
}

export type Placed = { readonly go: Placement } | { readonly wait: Wait } | { readonly answer: OwnAnswer };

const notFound: Placed = { answer: { status: 404, code: 'NO_ROUTE', detail: 'No app is served under this address.' } };
const noTable: Placed = {
  answer: { status: 503, code: 'NO_TABLE', detail: 'Nothing has been released here yet.', retryAfterSeconds: 1 },
};
const notThere: Placed = { answer: { status: 404, code: 'NOT_IN_RELEASE', detail: 'This release does not serve this address.' } };
const badHost: Placed = { answer: { status: 400, code: 'BAD_REQUEST', detail: 'The Host header is not a host.', close: true } };
const badCandidate: Placed = {
  answer: {
    status: 403,
    code: 'CANDIDATE_REFUSED',
    detail: 'The candidate header names no release of this app or carries a wrong token.',
  },
};
const notLinked: Placed = {
  answer: {
    status: 503,
    code: 'LINK_EMPTY',
    detail: 'Nothing serves this release-local address at the moment.',
    retryAfterSeconds: 1,
  },
};

/**
 * Decides for a request that came in by the public listener: the longest route that the request's arm serves. Routes that no arm
 * with weight has do not exist for the public, so that a candidate's new paths take nothing away from the release that serves.
 */
export function place(context: ProxyContext, head: RequestHead, target: string): Placed {
  const { router } = context;
  const routes = router.routesOf(head.host ?? '');
  if (routes === undefined) return badHost;
  const insider = head.candidate !== undefined && asksForPublic(head.candidate);
  if (head.candidate !== undefined && !insider) return placeCandidate(routes, head.candidate, target);
  let refused: Placed | undefined;
  let hidden = false;
  drawn = -1;
  for (let index = nextRoute(routes, target, 0); index !== -1; index = nextRoute(routes, target, index + 1)) {
    const route = routes[index] as BoundRoute;
    if (insider && !carriesToken(route.split, head.candidate ?? '')) return badCandidate;
    if (!route.open) {
      hidden = true;
      continue;
    }
    const placed = placeOn(context, route, head, target);
    if (placed !== undefined) return placed;
    refused = notThere;
  }
  return refused ?? (hidden || router.table.version === 0 ? noTable : notFound);
}

/** Bucket of the request that is being placed: one draw, however many routes are looked at. Placing is synchronous. */
let drawn = -1;

/** Undefined when the request's arm does not serve the route. */
function placeOn(context: ProxyContext, route: BoundRoute, head: RequestHead, target: string): Placed | undefined {
  const { split } = route;
  if (split.mode.kind !== 'open' && !split.mode.healthPaths.includes(pathOf(target))) {
    if (split.mode.kind === 'hold') return { wait: { queue: split.key } };
    return { answer: stopped(split.mode.message) };
  }
  let arm = split.only;
  let cookie: string | undefined;
  if (arm === -1) {
    let bucket = bucketOfCookie(head.cookie);
    if (bucket === -1) {
      if (drawn === -1) drawn = drawBucket();
      bucket = drawn;
      cookie = splitCookie(bucket);
    }
    arm = armOfBucket(split, bucket);
  }
  const to = route.targets[arm];
  if (!to) return undefined;
  const wait = waitFor(context, to.pool);
  if (wait) return wait;
  const rescue = split.arms[arm]?.role === 'canary' ? route.targets[split.stable] : undefined;
  return go(route, target, {
    pool: to.pool,
    counter: to.counter,
    edge: to.edge,
    rescue: rescue?.pool === to.pool ? undefined : rescue,
    cookie,
  });
}

function placeCandidate(routes: readonly BoundRoute[], candidate: string, target: string): Placed {
  let refused: Placed = badCandidate;
  for (let index = nextRoute(routes, target, 0); index !== -1; index = nextRoute(routes, target, index + 1)) {
    const route = routes[index] as BoundRoute;
    const arm = armOfCandidate(route.split, candidate);
    if (arm === -1) continue;
    const to = route.targets[arm];
    if (to) return go(route, target, { pool: to.pool, counter: undefined, edge: to.edge, rescue: undefined, cookie: undefined });
    refused = notThere;
  }
  return refused;
}

/** Decides for a request on a release-local listener. */
export function placeLink(context: ProxyContext, slot: number, target: string): Placed {
  const pool = context.router.table.links.get(slot);
  if (!pool) return notLinked;
  const wait = waitFor(context, pool);
  if (wait) return wait;
  return {
    go: { pool, counter: undefined, edge: undefined, rescue: undefined, path: target, prefix: undefined, cookie: undefined },
  };
}

/** An empty pool that holds its requests: they wait for its first instance, whichever way they came. */
function waitFor(context: ProxyContext, pool: PoolState): Placed | undefined {
  if (pool.site !== undefined || pool.endpoints.length > 0 || !pool.holdWhenEmpty) return undefined;
  context.holds.wake(pool.id);
  return { wait: { queue: `pool ${pool.id}` } };
}

function go(route: BoundRoute, target: string, to: Omit<Placement, 'path' | 'prefix'>): Placed {
  const strip = route.stripPath && route.path.length > 1;
  return {
    go: {
      pool: to.pool,
      counter: to.counter,
      edge: to.edge,
      rescue: to.rescue,
      cookie: to.cookie,
      path: strip ? withoutPrefix(target, route.path) : target,
      prefix: strip ? route.path : undefined,
    },
  };
}

export function stopped(message: string | undefined): OwnAnswer {
  return {
    status: 503,
    code: 'TRAFFIC_STOPPED',
    detail: message ?? 'The app is being worked on. Please come back in a few minutes.',
    retryAfterSeconds: 30,
  };
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
