import type { Link, Pool, Route, RouteTable, Split, TrafficMode } from '../domain/route-table.ts';
import { type ArmCounter, type Counters } from './counts.ts';
import { parentHost } from './hosts.ts';
import type { PoolState, Pools } from './pools.ts';

/** Where a request goes once its arm is chosen. */
export interface Target {
  readonly pool: PoolState;
  readonly counter: ArmCounter;
}

export interface BoundArm {
  readonly release: string;
  readonly role: 'stable' | 'canary';
  /** This arm's buckets end here (exclusive); canaries come first, so a growing weight only ever takes clients over. */
  readonly upTo: number;
}

export interface BoundSplit {
  readonly key: string;
  readonly arms: readonly BoundArm[];
  /** Index of the only arm with weight; -1 while traffic is really split (or nobody has weight). */
  readonly only: number;
  readonly stable: number;
  readonly mode: TrafficMode;
  readonly candidateToken: string;
}

export interface BoundRoute {
  readonly path: string;
  readonly stripPath: boolean;
  readonly split: BoundSplit;
  readonly service: string;
  /** Some arm with weight serves it; what only a candidate has is no route of the public. */
  readonly open: boolean;
  /** By arm index; undefined where the arm does not serve this route. */
  readonly targets: readonly (Target | undefined)[];
}

/** A route table ready for look-ups. Never changed; replaced as a whole. */
export interface BoundTable {
  readonly version: number;
  readonly epoch: number;
  /** Longest path first. */
  readonly hosts: ReadonlyMap<string, readonly BoundRoute[]>;
  readonly wildcards: ReadonlyMap<string, readonly BoundRoute[]>;
  readonly anyHost: readonly BoundRoute[] | undefined;
  readonly links: ReadonlyMap<number, PoolState | undefined>;
  readonly splits: ReadonlyMap<string, BoundSplit>;
}

export const emptyTable: BoundTable = {
  version: 0,
  epoch: 0,
  hosts: new Map(),
  wildcards: new Map(),
  anyHost: undefined,
  links: new Map(),
  splits: new Map(),
};

/** A table, or a part of it, that cannot be served; the message names the culprit. */
export class BadTable extends Error {
  override readonly name = 'BadTable';
}

/** @throws BadTable when any part of the table cannot be served; then nothing has been touched. */
export function checkTable(table: RouteTable): void {
  if (!Number.isInteger(table?.version) || !Number.isInteger(table.epoch))
    throw new BadTable('The table has no version or epoch.');
  if (!Array.isArray(table.splits) || !Array.isArray(table.pools) || !Array.isArray(table.links)) {
    throw new BadTable('The table lacks splits, pools or links.');
  }
  const pools = new Set<string>();
  for (const pool of table.pools) {
    checkPool(pool);
    if (pools.has(pool.id)) throw new BadTable(`Pool ${pool.id} is there twice.`);
    pools.add(pool.id);
  }
  const owners = new Map<string, string>();
  for (const split of table.splits) {
    checkSplit(split);
    for (const route of split.routes) {
      checkRoute(route, split, pools);
      const place = `${route.host}${route.path}`;
      const owner = owners.get(place);
      if (owner) throw new BadTable(`${place} of ${split.key}/${route.service} already belongs to ${owner}.`);
      owners.set(place, `${split.key}/${route.service}`);
    }
  }
  for (const link of table.links) checkLink(link, pools);
}

export function checkPool(pool: Pool): void {
  if (typeof pool?.id !== 'string' || pool.id === '') throw new BadTable('A pool has no id.');
  if (pool.kind === 'static') {
    if (typeof pool.root !== 'string' || !pool.root.startsWith('/')) throw new BadTable(`Pool ${pool.id} has no absolute root.`);
    if (!Array.isArray(pool.previousRoots)) throw new BadTable(`Pool ${pool.id} has no list of previous roots.`);
    return;
  }
  if (pool.kind !== 'instances' || !Array.isArray(pool.endpoints)) throw new BadTable(`Pool ${pool.id} is of no known kind.`);
  if (!(pool.requestTimeout > 0)) throw new BadTable(`Pool ${pool.id} has no request timeout.`);
  for (const endpoint of pool.endpoints) {
    if (typeof endpoint?.host !== 'string' || !Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65_535) {
      throw new BadTable(`Pool ${pool.id} has an endpoint without a usable address.`);
    }
  }
}

export function checkSplit(split: Split): void {
  if (typeof split?.key !== 'string' || !Array.isArray(split.arms) || !Array.isArray(split.routes)) {
    throw new BadTable('A split lacks its key, arms or routes.');
  }
  if (!['open', 'hold', 'stop'].includes(split.mode?.kind)) throw new BadTable(`${split.key} has no traffic mode.`);
  if (split.mode.kind !== 'open' && !Array.isArray(split.mode.healthPaths))
    throw new BadTable(`${split.key} has no health paths.`);
  if (typeof split.candidateToken !== 'string') throw new BadTable(`${split.key} has no candidate token.`);
  if (split.arms.length === 0) return;
  let sum = 0;
  for (const arm of split.arms) {
    if (typeof arm.release !== 'string' || !Number.isInteger(arm.weight) || arm.weight < 0) {
      throw new BadTable(`${split.key} has an arm without release or weight.`);
    }
    sum += arm.weight;
  }
  // A first release that is only a candidate yet: reachable privately, nothing is served to the public.
  if (sum === 0) return;
  if (sum !== 10_000) throw new BadTable(`The weights of ${split.key} add up to ${sum}, not 10000.`);
  if (split.arms.filter((arm) => arm.role === 'stable').length !== 1)
    throw new BadTable(`${split.key} needs exactly one stable arm.`);
}

export function checkRoute(route: Route, split: Split, pools: ReadonlySet<string>): void {
  const name = `${split.key}/${route?.service}`;
  const host = route?.host;
  if (typeof host !== 'string' || !/^(?:\*|(?:\*\.)?[a-z0-9_.:[\]-]+)$/.test(host))
    throw new BadTable(`${name} has an unusable host: ${host}.`);
  if (typeof route.path !== 'string' || !route.path.startsWith('/'))
    throw new BadTable(`${name} has an unusable path: ${route.path}.`);
  if (typeof route.pools !== 'object' || route.pools === null) throw new BadTable(`${name} has no pools.`);
  for (const pool of Object.values(route.pools)) {
    if (!pools.has(pool)) throw new BadTable(`${name} leads to the unknown pool ${pool}.`);
  }
}

export function checkLink(link: Link, pools: ReadonlySet<string>): void {
  if (!Number.isInteger(link?.slot) || link.slot < 0) throw new BadTable('A link has no slot.');
  if (link.pool !== undefined && !pools.has(link.pool))
    throw new BadTable(`Link ${link.slot} leads to the unknown pool ${link.pool}.`);
}

/** Builds the look-up structure of a checked table and brings the pools in line with it. */
export function bindTable(table: RouteTable, pools: Pools, counters: Counters): BoundTable {
  const routed = new Set<string>();
  for (const pool of table.pools) {
    pools.define(pool);
    routed.add(pool.id);
  }
  const hosts = new Map<string, BoundRoute[]>();
  const wildcards = new Map<string, BoundRoute[]>();
  const anyHost: BoundRoute[] = [];
  const splits = new Map<string, BoundSplit>();
  for (const split of table.splits) {
    const bound = bindSplit(split);
    splits.set(split.key, bound);
    for (const route of split.routes) {
      const { host } = route;
      const wild = host.startsWith('*.') ? parentHost(host) : undefined;
      const list = host === '*' ? anyHost : listOf(wild === undefined ? hosts : wildcards, wild ?? host);
      list.push({
        open: split.arms.some((arm) => arm.weight > 0 && route.pools[arm.release] !== undefined),
        path: route.path.length > 1 && route.path.endsWith('/') ? route.path.slice(0, -1) : route.path,
        stripPath: route.stripPath,
        split: bound,
        service: route.service,
        targets: split.arms.map((arm) => bindTarget(split, arm.release, route.pools[arm.release], pools, counters)),
      });
    }
  }
  for (const list of [...hosts.values(), ...wildcards.values(), anyHost]) {
    if (list.length > 1) list.sort((a, b) => b.path.length - a.path.length);
  }
  const links = new Map(table.links.map((link) => [link.slot, link.pool === undefined ? undefined : pools.get(link.pool)]));
  pools.retain(routed);
  const { version, epoch } = table;
  return { version, epoch, hosts, wildcards, anyHost: anyHost.length > 0 ? anyHost : undefined, links, splits };
}

function listOf(map: Map<string, BoundRoute[]>, key: string): BoundRoute[] {
  let list = map.get(key);
  if (!list) {
    list = [];
    map.set(key, list);
  }
  return list;
}

function bindSplit(split: Split): BoundSplit {
  let upTo = 0;
  const ends = new Map<string, number>();
  for (const role of ['canary', 'stable'] as const) {
    for (const arm of split.arms) {
      if (arm.role !== role) continue;
      upTo += arm.weight;
      ends.set(arm.release, upTo);
    }
  }
  const weighted = split.arms.filter((arm) => arm.weight > 0);
  return {
    key: split.key,
    arms: split.arms.map((arm) => ({
      release: arm.release,
      role: arm.role,
      upTo: arm.weight === 0 ? 0 : (ends.get(arm.release) ?? 0),
    })),
    only: weighted.length === 1 && weighted[0] ? split.arms.indexOf(weighted[0]) : -1,
    stable: split.arms.findIndex((arm) => arm.role === 'stable'),
    mode: split.mode,
    candidateToken: split.candidateToken,
  };
}

function bindTarget(
  split: Split,
  release: string,
  pool: string | undefined,
  pools: Pools,
  counters: Counters,
): Target | undefined {
  const state = pool === undefined ? undefined : pools.get(pool);
  if (!state) return undefined;
  const counter = counters.of({ release, workload: state.id, app: split.app, environment: split.environment });
  return { pool: state, counter };
}
