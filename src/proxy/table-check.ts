import type { EdgeSpec } from '../domain/edge.ts';
import type { Link, Pool, Route, Split } from '../domain/route-table.ts';
import type { ReleaseId } from '../domain/values.ts';
import { faultOf } from './edge/check.ts';
import type { BoundTable, TableParts } from './table.ts';

/** A table, or a part of it, that cannot be served; the message names the culprit. */
export class BadTable extends Error {
  override readonly name = 'BadTable';
}

interface Known {
  has(id: string): boolean;
}

/** @throws BadTable when this is no table at all. */
export function checkShape(table: { readonly version: number; readonly epoch: number } | undefined): void {
  if (!Number.isInteger(table?.version) || !Number.isInteger(table?.epoch))
    throw new BadTable('The table has no version or epoch.');
}

/**
 * Checks what is put and what is left of `base`, which has been checked before.
 * @throws BadTable when any part of the table that comes of it cannot be served; then nothing has been touched.
 */
export function checkParts(base: BoundTable, { splits, pools, links }: TableParts): void {
  if (!Array.isArray(splits.put) || !Array.isArray(pools.put) || !Array.isArray(links)) {
    throw new BadTable('The table lacks splits, pools or links.');
  }
  const known = checkPools(base, pools);
  checkSplits(base, splits, known);
  checkKept(base, splits, pools.drop);
  for (const link of links) checkLink(link, known);
}

function checkPools(base: BoundTable, { put, drop }: TableParts['pools']): Known {
  const added = new Set<string>();
  for (const pool of put) {
    checkPool(pool);
    if (added.has(pool.id)) throw new BadTable(`Pool ${pool.id} is there twice.`);
    added.add(pool.id);
  }
  const dropped = new Set(drop);
  return { has: (id) => added.has(id) || (base.pools.has(id) && !dropped.has(id)) };
}

function checkSplits(base: BoundTable, { put, drop }: TableParts['splits'], pools: Known): void {
  const replaced = new Set(drop);
  const added = new Set<string>();
  for (const split of put) {
    checkSplit(split);
    if (added.has(split.key)) throw new BadTable(`${split.key} is there twice.`);
    added.add(split.key);
    replaced.add(split.key);
  }
  const owners = new Map<string, Split>();
  for (const split of put) {
    for (const route of split.routes) {
      checkRoute(route, split, pools);
      const place = `${route.host}${route.path}`;
      const rival = owners.get(place)?.routes.find((other) => other.host === route.host && other.path === route.path);
      const kept = base.hosts.get(route.host)?.find((other) => other.at === route.path && !replaced.has(other.split.key));
      const owner = rival ? nameOf(rival, owners.get(place)) : kept && nameOf(kept, kept.split);
      if (owner) throw new BadTable(`${place} of ${nameOf(route, split)} already belongs to ${owner}.`);
      owners.set(place, split);
    }
  }
}

/** What stays as it is may not lead to a pool that goes. */
function checkKept(base: BoundTable, splits: TableParts['splits'], droppedPools: readonly string[]): void {
  if (droppedPools.length === 0 || base.splits.size === 0) return;
  const gone = new Set(droppedPools);
  const changed = new Set([...splits.drop, ...splits.put.map((split) => split.key as string)]);
  for (const { key, leadsTo } of base.splits.values()) {
    if (changed.has(key)) continue;
    for (const pool of leadsTo) if (gone.has(pool)) throw new BadTable(`${key} leads to the unknown pool ${pool}.`);
  }
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
    if (typeof arm?.release !== 'string' || !Number.isInteger(arm.weight) || arm.weight < 0) {
      throw new BadTable(`${split.key} has an arm without release or weight.`);
    }
    sum += arm.weight;
    for (const [service, edge] of Object.entries<EdgeSpec>(arm.edge ?? {})) checkEdge(edge, `${split.key}/${service}`);
  }
  // A first release that is only a candidate yet: reachable privately, nothing is served to the public.
  if (sum === 0) return;
  if (sum !== 10_000) throw new BadTable(`The weights of ${split.key} add up to ${sum}, not 10000.`);
  if (split.arms.filter((arm) => arm.role === 'stable').length !== 1)
    throw new BadTable(`${split.key} needs exactly one stable arm.`);
}

/** @throws BadTable when what stands before a service cannot be served. */
export function checkEdge(edge: EdgeSpec, owner: string): void {
  const fault = faultOf(edge);
  if (fault !== undefined) throw new BadTable(`The edge of ${owner} ${fault}.`);
}

export function checkRoute(route: Route, split: Split, pools: Known): void {
  const host = route?.host;
  if (typeof host !== 'string' || !/^(?:\*|(?:\*\.)?[a-z0-9_.:[\]-]+)$/.test(host))
    throw new BadTable(`${nameOf(route, split)} has an unusable host: ${host}.`);
  if (typeof route.path !== 'string' || !route.path.startsWith('/'))
    throw new BadTable(`${nameOf(route, split)} has an unusable path: ${route.path}.`);
  if (typeof route.pools !== 'object' || route.pools === null) throw new BadTable(`${nameOf(route, split)} has no pools.`);
  for (const release in route.pools) {
    const pool = route.pools[release as ReleaseId];
    if (pool === undefined || !pools.has(pool)) throw new BadTable(`${nameOf(route, split)} leads to the unknown pool ${pool}.`);
  }
}

const nameOf = (route: { readonly service: string } | undefined, split: { readonly key: string } | undefined): string =>
  `${split?.key}/${route?.service}`;

export function checkLink(link: Link, pools: Known): void {
  if (!Number.isInteger(link?.slot) || link.slot < 0) throw new BadTable('A link has no slot.');
  if (link.pool !== undefined && !pools.has(link.pool))
    throw new BadTable(`Link ${link.slot} leads to the unknown pool ${link.pool}.`);
}
