import type { RouteTable } from '../domain/route-table.ts';
import { WireError } from '../wire/server.ts';
import type { ProxyContext } from './context.ts';
import type { TableChange } from './protocol.ts';
import { type BoundTable, bindParts, emptyTable, partsOf, type TableParts } from './table.ts';
import { BadTable, checkParts, checkShape } from './table-check.ts';

export interface Committed {
  readonly version: number;
}

/**
 * Replaces the table by another one in one step, between two requests.
 * @param digest names the content for later changes; without it none will fit.
 * @throws WireError STALE_EPOCH, BAD_TABLE; then nothing has been touched.
 */
export function commit(context: ProxyContext, table: RouteTable, digest?: string): Committed {
  refuseBad(() => checkShape(table));
  if (isServed(context, table)) return { version: table.version };
  return replace(context, emptyTable, partsOf(table, digest));
}

/** Serves a table that has been checked already. */
export function restore(context: ProxyContext, table: RouteTable, digest: string | undefined): void {
  bind(context, emptyTable, partsOf(table, digest));
}

/**
 * The same as `commit` for what differs from the table that is being served.
 * @throws WireError also TABLE_GAP when the change is one of another table: then the whole is needed.
 */
export function commitChange(context: ProxyContext, change: TableChange): Committed {
  const present = context.router.table;
  refuseBad(() => checkShape(change));
  if (isServed(context, change)) return { version: change.version };
  if (change.base !== present.digest) {
    throw new WireError('TABLE_GAP', `This is a change of the table ${change.base}, but ${present.digest} is being served.`);
  }
  return replace(context, present, change);
}

/** @throws WireError STALE_EPOCH for what is older than what is being served. */
function isServed(context: ProxyContext, next: { readonly version: number; readonly epoch: number }): boolean {
  const present = context.router.table;
  refuseStale(context, next.epoch);
  if (next.epoch !== present.epoch) return false;
  if (next.version < present.version) {
    throw new WireError(
      'STALE_EPOCH',
      `Version ${next.version} is older than version ${present.version}, which is being served.`,
    );
  }
  return next.version === present.version;
}

function replace(context: ProxyContext, base: BoundTable, parts: TableParts): Committed {
  refuseBad(() => checkParts(base, parts));
  bind(context, base, parts);
  return { version: parts.version };
}

function bind(context: ProxyContext, base: BoundTable, parts: TableParts): void {
  const { router, pools, holds } = context;
  const before = router.table;
  const bound = bindParts(base, parts, context);
  router.replace(bound);
  pools.retire(base === before ? parts.pools.drop : [...before.pools.keys()].filter((id) => !bound.pools.has(id)));
  holds.reconsider((queue) => {
    const now = router.table;
    const pool = queue.startsWith('pool ') ? now.pools.get(queue.slice('pool '.length)) : undefined;
    return pool ? pool.endpoints.length === 0 && pool.holdWhenEmpty : now.splits.get(queue)?.mode.kind === 'hold';
  });
}

/** @throws WireError STALE_EPOCH for the word of a control plane that has been succeeded. */
export function refuseStale(context: ProxyContext, epoch: number): void {
  const present = context.router.table.epoch;
  if (epoch < present) throw new WireError('STALE_EPOCH', `Epoch ${epoch} is over, epoch ${present} has the say.`);
}

/** @throws WireError BAD_TABLE for what the check throws. */
export function refuseBad(check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (cause instanceof BadTable) throw new WireError('BAD_TABLE', cause.message, { cause });
    throw cause;
  }
}
