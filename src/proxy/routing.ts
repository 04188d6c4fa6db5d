import { normalHost, parentHost } from './hosts.ts';
import { type BoundRoute, type BoundTable, emptyTable } from './table.ts';

/** Raw Host headers remembered per table; a flood of made-up hosts only empties the memory. */
const rememberedHosts = 4_096;

/** The one reference to the present table: replacing it is the whole of a commit. */
export class Router {
  #table: BoundTable = emptyTable;
  #remembered = new Map<string, readonly BoundRoute[]>();

  get table(): BoundTable {
    return this.#table;
  }

  replace(table: BoundTable): void {
    this.#table = table;
    this.#remembered = new Map();
  }

  /** Routes of a Host header; empty when nobody claims the host, undefined when it is not a host. */
  routesOf(hostHeader: string): readonly BoundRoute[] | undefined {
    const known = this.#remembered.get(hostHeader);
    if (known) return known;
    const host = normalHost(hostHeader);
    if (host === undefined) return undefined;
    const routes = routesOfHost(this.#table, host);
    if (this.#remembered.size >= rememberedHosts) this.#remembered.clear();
    this.#remembered.set(hostHeader, routes);
    return routes;
  }
}

const none: readonly BoundRoute[] = [];

function routesOfHost(table: BoundTable, host: string): readonly BoundRoute[] {
  const exact = table.hosts.get(host);
  if (exact) return exact;
  const parent = parentHost(host);
  return (parent === undefined ? undefined : table.hosts.get(`*.${parent}`)) ?? table.hosts.get('*') ?? none;
}

/**
 * Index of the next route, longest path first and beginning at `from`, that holds `target` (path and query as received) on a
 * segment border; -1 when there is none.
 */
export function nextRoute(routes: readonly BoundRoute[], target: string, from: number): number {
  for (let index = from; index < routes.length; index += 1) {
    const path = (routes[index] as BoundRoute).path;
    if (path.length === 1) return index;
    if (!target.startsWith(path)) continue;
    const next = target.charCodeAt(path.length);
    // End of the target, "/" or "?".
    if (Number.isNaN(next) || next === 47 || next === 63) return index;
  }
  return -1;
}

/** The target as the app sees it when its prefix is taken off. */
export function withoutPrefix(target: string, prefix: string): string {
  if (prefix.length === 1) return target;
  const rest = target.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
