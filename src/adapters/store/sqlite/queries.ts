import { SignalboxError } from '../../../domain/errors.ts';
import type { EnvironmentKey, ReleaseId, WorkloadId } from '../../../domain/values.ts';
import type { DeliveryFilter, EventFilter, Page } from '../../../ports/store.ts';
import type { Query } from './calls.ts';

/** Pure: what each read asks of the database. Every one is served by an index (see the test on query plans). */

export const oneApp = (name: string): Query => ({ sql: 'SELECT document FROM app WHERE name = ?', parameters: [name] });
export const allApps: Query = { sql: 'SELECT document FROM app ORDER BY name', parameters: [] };

export const oneEnvironment = (key: EnvironmentKey): Query => ({
  sql: 'SELECT document FROM environment WHERE key = ?',
  parameters: [key],
});
export const allEnvironments: Query = { sql: 'SELECT document FROM environment ORDER BY key', parameters: [] };

export const oneRelease = (id: ReleaseId): Query => ({ sql: 'SELECT document FROM release WHERE id = ?', parameters: [id] });

export const oneWorkload = (id: WorkloadId): Query => ({ sql: 'SELECT document FROM workload WHERE id = ?', parameters: [id] });

export const oneRollout = (id: string): Query => ({ sql: 'SELECT document FROM rollout WHERE id = ?', parameters: [id] });

/** @throws BAD_REQUEST. */
export function releasePage(key: EnvironmentKey, page: Page): Query {
  const limit = checkedLimit(page.limit, 500);
  if (page.before === undefined) {
    return { sql: 'SELECT document FROM release WHERE environment = ? ORDER BY number DESC LIMIT ?', parameters: [key, limit] };
  }
  const number = page.before.startsWith(`${key}/v`) ? Number(page.before.slice(key.length + 2)) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw new SignalboxError('BAD_REQUEST', `"${page.before}" is not a release of ${key}.`);
  }
  return {
    sql: 'SELECT document FROM release WHERE environment = ? AND number < ? ORDER BY number DESC LIMIT ?',
    parameters: [key, number, limit],
  };
}

/** @throws BAD_REQUEST. */
export function rolloutPage(filter: { readonly environment?: EnvironmentKey; readonly active?: boolean }, page: Page): Query {
  const parts = new Conditions();
  parts.add('environment = ?', filter.environment);
  // Written out, not bound: only then the partial index on active ones serves.
  if (filter.active !== undefined) parts.addBare(`active = ${filter.active ? 1 : 0}`);
  parts.add('id < ?', page.before);
  return parts.query('SELECT document FROM rollout', 'ORDER BY id DESC LIMIT ?', checkedLimit(page.limit, 500));
}

export const oneRun = (id: string): Query => ({ sql: 'SELECT document FROM run WHERE id = ?', parameters: [id] });

/** @throws BAD_REQUEST. */
export function runPage(filter: { readonly app?: string; readonly active?: boolean }, page: Page): Query {
  const parts = new Conditions();
  parts.add('app = ?', filter.app);
  if (filter.active !== undefined) parts.addBare(`active = ${filter.active ? 1 : 0}`);
  parts.add('id < ?', page.before);
  return parts.query('SELECT document FROM run', 'ORDER BY id DESC LIMIT ?', checkedLimit(page.limit, 500));
}

/** Rows come newest first when `newest` is asked; the reader turns them round. @throws BAD_REQUEST. */
export function eventPage(filter: EventFilter): Query {
  const parts = new Conditions();
  parts.add('rollout = ?', filter.rollout);
  // Unary plus: with a rollout given, its index is the narrow one.
  const keep = filter.rollout === undefined ? '' : '+';
  parts.add(`${keep}app = ?`, filter.app);
  parts.add(`${keep}environment = ?`, filter.environment);
  parts.add('sequence > ?', filter.after);
  const order = filter.newest === true ? 'DESC' : 'ASC';
  return parts.query(
    'SELECT sequence, document FROM event',
    `ORDER BY sequence ${order} LIMIT ?`,
    checkedLimit(filter.limit, 10_000),
  );
}

export const allHooks: Query = { sql: 'SELECT document FROM hook ORDER BY app', parameters: [] };

/** @throws BAD_REQUEST. */
export function deliveryPage(filter: DeliveryFilter, page: Page): Query {
  const parts = new Conditions();
  if ('open' in filter) parts.addBare('open = 1');
  else {
    parts.add('app = ?', filter.app);
    if ('name' in filter) parts.add('name = ?', filter.name);
    if ('digest' in filter) parts.add('digest = ?', filter.digest);
  }
  parts.add('id < ?', page.before);
  return parts.query('SELECT document FROM delivery', 'ORDER BY id DESC LIMIT ?', checkedLimit(page.limit, 500));
}

class Conditions {
  readonly #texts: string[] = [];
  readonly #parameters: (string | number)[] = [];

  add(text: string, value: string | number | undefined): void {
    if (value === undefined) return;
    this.#texts.push(text);
    this.#parameters.push(value);
  }

  addBare(text: string): void {
    this.#texts.push(text);
  }

  query(select: string, tail: string, limit: number): Query {
    const where = this.#texts.length === 0 ? '' : ` WHERE ${this.#texts.join(' AND ')}`;
    return { sql: `${select}${where} ${tail}`, parameters: [...this.#parameters, limit] };
  }
}

function checkedLimit(limit: number, most: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw new SignalboxError('BAD_REQUEST', `A page has 1 to ${most} rows, not ${limit}.`);
}
