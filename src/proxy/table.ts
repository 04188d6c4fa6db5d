import type { Arm, Link, Pool, Route, RouteTable, Split, TrafficMode } from '../domain/route-table.ts';
import type { ArmCounter, Counters } from './counts.ts';
import type { BoundEdge, Rates } from './edge/rules.ts';
import type { PoolState, Pools } from './pools.ts';

/** Where a request goes once its arm is chosen. */
export interface Target {
  readonly pool: PoolState;
  readonly counter: ArmCounter;
  /** What stands before it; undefined: nothing. */
  readonly edge: BoundEdge | undefined;
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
  /** Hosts of its routes, as the table spells them. */
  readonly hosts: readonly string[];
  /** Every pool that one of its routes names. */
  readonly leadsTo: readonly string[];
}

export interface BoundRoute {
  /** Without a slash at its end. */
  readonly path: string;
  /** The path as the table spells it. */
  readonly at: string;
  readonly stripPath: boolean;
  readonly split: BoundSplit;
  readonly service: string;
  /** Some arm with weight serves it; what only a candidate has is no route of the public. */
  readonly open: boolean;
  /** By arm index; undefined where the arm does not serve this route. */
  readonly targets: readonly (Target | undefined)[];
}

/** A route table ready for look-ups. Never changed; replaced as a whole by one that shares what has not changed. */
export interface BoundTable {
  readonly version: number;
  readonly epoch: number;
  /** Names the content; undefined when this is not to the letter what was committed, so that no change fits it. */
  readonly digest: string | undefined;
  /** By host as the table spells it (`a.test`, `*.a.test`, `*`); longest path first. */
  readonly hosts: ReadonlyMap<string, readonly BoundRoute[]>;
  readonly links: ReadonlyMap<number, PoolState | undefined>;
  readonly splits: ReadonlyMap<string, BoundSplit>;
  readonly pools: ReadonlyMap<string, PoolState>;
}

export const emptyTable: BoundTable = {
  version: 0,
  epoch: 0,
  digest: undefined,
  hosts: new Map(),
  links: new Map(),
  splits: new Map(),
  pools: new Map(),
};

/** What makes a table of another one. A whole table is what makes one of the empty table. */
export interface TableParts {
  readonly version: number;
  readonly epoch: number;
  readonly digest: string | undefined;
  readonly splits: { readonly put: readonly Split[]; readonly drop: readonly string[] };
  readonly pools: { readonly put: readonly Pool[]; readonly drop: readonly string[] };
  /** All of them: they are few. */
  readonly links: readonly Link[];
}

export function partsOf(table: RouteTable, digest: string | undefined): TableParts {
  const { version, epoch, splits, pools, links } = table;
  return { version, epoch, digest, splits: { put: splits, drop: [] }, pools: { put: pools, drop: [] }, links };
}

/** What outlives tables and is bound to each. */
export interface Lasting {
  readonly pools: Pools;
  readonly counters: Counters;
  readonly rates: Rates;
}

/** Builds the look-up structure of checked parts upon a table and brings the pools in line with it. */
export function bindParts(base: BoundTable, parts: TableParts, lasting: Lasting): BoundTable {
  const { pools } = lasting;
  const bound = new Map(base.pools);
  for (const id of parts.pools.drop) bound.delete(id);
  for (const pool of parts.pools.put) bound.set(pool.id, pools.define(pool));
  const { version, epoch, digest } = parts;
  return {
    version,
    epoch,
    digest,
    ...bindSplits(base, parts.splits, bound, lasting),
    links: new Map(parts.links.map((link) => [link.slot, link.pool === undefined ? undefined : bound.get(link.pool)])),
    pools: bound,
  };
}

type PoolsById = ReadonlyMap<string, PoolState>;

function bindSplits(
  base: BoundTable,
  { put, drop }: TableParts['splits'],
  pools: PoolsById,
  lasting: Lasting,
): Pick<BoundTable, 'splits' | 'hosts'> {
  if (put.length === 0 && drop.length === 0) return { splits: base.splits, hosts: base.hosts };
  const splits = new Map(base.splits);
  const left = new Set<BoundSplit>();
  for (const key of [...drop, ...put.map((split) => split.key)]) {
    const former = splits.get(key);
    if (former) left.add(former);
    splits.delete(key);
  }
  /** Lists that are made anew; the others are shared with the table before. */
  const fresh = new Map<string, BoundRoute[]>();
  const listOf = (host: string): BoundRoute[] => {
    let list = fresh.get(host);
    if (!list) {
      list = (base.hosts.get(host) ?? []).filter((route) => !left.has(route.split));
      fresh.set(host, list);
    }
    return list;
  };
  for (const former of left) for (const host of former.hosts) listOf(host);
  for (const split of put) {
    const boundSplit = bindSplit(split);
    splits.set(split.key, boundSplit);
    const edges = edgesOf(split, lasting.rates);
    for (const route of split.routes) listOf(route.host).push(bindRoute(route, { split, boundSplit, edges, pools, lasting }));
  }
  const hosts = base.hosts.size === 0 ? fresh : new Map<string, readonly BoundRoute[]>(base.hosts);
  for (const [host, list] of fresh) {
    if (list.length > 1) list.sort(longestFirst);
    if (list.length > 0) hosts.set(host, list);
    else hosts.delete(host);
  }
  return { splits, hosts };
}

/** Of two that differ in nothing but a slash at the end the shorter comes first, whatever the order of the table. */
function longestFirst(a: BoundRoute, b: BoundRoute): number {
  return b.path.length - a.path.length || a.at.length - b.at.length;
}

interface RouteContext {
  readonly split: Split;
  readonly boundSplit: BoundSplit;
  readonly edges: Edges;
  readonly pools: PoolsById;
  readonly lasting: Lasting;
}

/** By release and service. */
type Edges = ReadonlyMap<string, ReadonlyMap<string, BoundEdge>>;

function edgesOf(split: Split, rates: Rates): Edges {
  return new Map(
    split.arms.map(({ release, edge = {} }) => [
      release,
      new Map(Object.entries(edge).map(([service, spec]) => [service, rates.bind(split.key, spec)])),
    ]),
  );
}

function bindRoute(route: Route, { split, boundSplit, edges, pools, lasting }: RouteContext): BoundRoute {
  const { app, environment } = split;
  return {
    path: route.path.length > 1 && route.path.endsWith('/') ? route.path.slice(0, -1) : route.path,
    at: route.path,
    stripPath: route.stripPath,
    split: boundSplit,
    service: route.service,
    open: split.arms.some((arm) => arm.weight > 0 && route.pools[arm.release] !== undefined),
    targets: split.arms.map(({ release }) => {
      const id = route.pools[release];
      const pool = id === undefined ? undefined : pools.get(id);
      const counter = pool && lasting.counters.of({ release, workload: pool.id, app, environment });
      return pool && counter && { pool, counter, edge: edges.get(release)?.get(route.service) };
    }),
  };
}

function bindSplit(split: Split): BoundSplit {
  const { arms, routes } = split;
  const weighted = arms.filter((arm) => arm.weight > 0);
  return {
    key: split.key,
    arms: arms.map((arm) => ({ release: arm.release, role: arm.role, upTo: endOf(arm, arms) })),
    only: weighted.length === 1 && weighted[0] ? arms.indexOf(weighted[0]) : -1,
    stable: arms.findIndex((arm) => arm.role === 'stable'),
    mode: split.mode,
    candidateToken: split.candidateToken,
    hosts: unique(routes.map((route) => route.host)),
    leadsTo: unique(routes.flatMap((route) => Object.values(route.pools))),
  };
}

function endOf(arm: Arm, arms: readonly Arm[]): number {
  if (arm.weight === 0) return 0;
  let end = 0;
  for (const role of ['canary', 'stable'] as const) {
    for (const other of arms) {
      if (other.role !== role) continue;
      end += other.weight;
      if (other === arm) return end;
    }
  }
  return 0;
}

const unique = (all: readonly string[]): readonly string[] => (all.length < 2 ? all : [...new Set(all)]);
