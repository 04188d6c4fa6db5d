import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { EdgeSpec } from '../domain/edge.ts';
import type { Arm, Pool, Route, RouteTable, Split } from '../domain/route-table.ts';
import type { ServiceName } from '../domain/values.ts';
import { emptyTable, partsOf } from './table.ts';
import { checkEdge, checkLink, checkParts, checkPool, checkRoute, checkSplit } from './table-check.ts';

export interface StoredTable {
  /** Checked; undefined when there is no table, or none that can be read at all. */
  readonly table: RouteTable | undefined;
  /** Of the table's content, when the file is to the letter what was written. */
  readonly digest?: string | undefined;
  /** What was left out, in words. */
  readonly skipped: readonly string[];
}

/** Reads the last table from disk. If a part cannot be served, that part is left out and named, the rest serves. */
export function readStoredTable(file: string): StoredTable {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { table: undefined, skipped: [] };
    return { table: undefined, skipped: [`${file} cannot be read: ${(cause as Error).message}`] };
  }
  let stored: RouteTable | null;
  try {
    stored = JSON.parse(text) as RouteTable | null;
  } catch {
    return { table: undefined, skipped: [`${file} is not JSON.`] };
  }
  if (!stored || !Number.isInteger(stored.version) || !Number.isInteger(stored.epoch) || !Array.isArray(stored.splits)) {
    return { table: undefined, skipped: [`${file} is not a route table.`] };
  }
  try {
    checkParts(emptyTable, partsOf(stored, undefined));
    return { table: stored, digest: intactDigest(text), skipped: [] };
  } catch {
    return readPartByPart(stored);
  }
}

/** The file begins with the digest of everything that follows it. */
function intactDigest(text: string): string | undefined {
  const digest = /^\{"digest":"([0-9a-f]{64})",/.exec(text.slice(0, 80))?.[1];
  if (digest === undefined) return undefined;
  const content = text.slice('{"digest":"",'.length + digest.length);
  return createHash('sha256').update(content).digest('hex') === digest ? digest : undefined;
}

function readPartByPart(stored: Partial<RouteTable>): StoredTable {
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
  const once = (seen: Set<string>, name: string): void => {
    if (seen.has(name)) throw new Error(`${name} is there twice.`);
    seen.add(name);
  };
  /** An app is served without what is broken of its edge rather than not at all. */
  const withSoundEdges = (split: Split): Split => {
    if (!Array.isArray(split?.arms)) return split;
    const arms = split.arms.map((arm: Arm) => {
      const edges = Object.entries(arm?.edge ?? {}) as [ServiceName, EdgeSpec][];
      const sound = keep(edges, ([service, edge]) => checkEdge(edge, `${split.key}/${service}`));
      return sound.length === edges.length ? arm : { ...arm, edge: Object.fromEntries(sound) };
    });
    return { ...split, arms };
  };
  const ids = new Set<string>();
  const pools = keep<Pool>(stored.pools, (pool) => {
    checkPool(pool);
    once(ids, pool.id);
  });
  const keys = new Set<string>();
  const claimed = new Set<string>();
  const splits = keep<Split>((Array.isArray(stored.splits) ? stored.splits : []).map(withSoundEdges), (split) => {
    checkSplit(split);
    once(keys, split.key);
  }).map((split) => ({
    ...split,
    routes: keep<Route>(split.routes, (route) => {
      checkRoute(route, split, ids);
      once(claimed, `${route.host}${route.path}`);
    }),
  }));
  const links = keep(stored.links, (link) => checkLink(link, ids));
  return { table: { version: stored.version, epoch: stored.epoch, splits, pools, links } as RouteTable, skipped };
}
