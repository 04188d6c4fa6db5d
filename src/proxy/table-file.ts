import { readFileSync } from 'node:fs';
import type { Pool, Route, RouteTable, Split } from '../domain/route-table.ts';
import { checkLink, checkPool, checkRoute, checkSplit } from './table.ts';

export interface StoredTable {
  /** Undefined when there is no table, or none that can be read at all. */
  readonly table: RouteTable | undefined;
  /** What was left out, in words. */
  readonly skipped: readonly string[];
}

/** Reads the last table from disk part by part: what cannot be served is left out and named, the rest serves. */
export function readStoredTable(file: string): StoredTable {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { table: undefined, skipped: [] };
    return { table: undefined, skipped: [`${file} cannot be read: ${(cause as Error).message}`] };
  }
  let stored: Partial<RouteTable> | null;
  try {
    stored = JSON.parse(text) as Partial<RouteTable> | null;
  } catch {
    return { table: undefined, skipped: [`${file} is not JSON.`] };
  }
  if (!stored || !Number.isInteger(stored.version) || !Number.isInteger(stored.epoch) || !Array.isArray(stored.splits)) {
    return { table: undefined, skipped: [`${file} is not a route table.`] };
  }
  const skipped: string[] = [];
  const keep = <Part>(parts: readonly Part[] | undefined, check: (part: Part) => void): Part[] =>
    (Array.isArray(parts) ? parts : []).filter((part) => {
      try {
        check(part);
        return true;
      } catch (cause) {
        skipped.push((cause as Error).message);
        return false;
      }
    });
  const pools = keep<Pool>(stored.pools, checkPool);
  const ids = new Set<string>(pools.map((pool) => pool.id));
  const claimed = new Set<string>();
  const splits = keep<Split>(stored.splits, checkSplit).map((split) => ({
    ...split,
    routes: keep<Route>(split.routes, (route) => {
      checkRoute(route, split, ids);
      const place = `${route.host}${route.path}`;
      if (claimed.has(place)) throw new Error(`${place} is there twice.`);
      claimed.add(place);
    }),
  }));
  const links = keep(stored.links, (link) => checkLink(link, ids));
  return { table: { version: stored.version, epoch: stored.epoch, splits, pools, links } as RouteTable, skipped };
}
