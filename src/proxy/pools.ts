import type { Pool } from '../domain/route-table.ts';
import { EndpointState } from './endpoints.ts';
import type { StaticSite } from './static/site.ts';

/** Something under way to an instance that a drain waits for and, at its deadline, ends. */
export interface InFlight {
  cut(): void;
}

/** A pool as it runs in this worker: outlives the tables that name it until nothing is in flight. */
export class PoolState {
  readonly id: string;
  endpoints: readonly EndpointState[] = [];
  requestTimeoutMs = 0;
  holdWhenEmpty = false;
  /** Set for a pool of files. */
  site: StaticSite | undefined;
  /** Named by the present table. */
  routed = false;
  readonly active = new Set<InFlight>();
  /** Called after each end of something in flight; used by drains. */
  readonly onRelease = new Set<() => void>();

  constructor(id: string) {
    this.id = id;
  }

  claim(work: InFlight): void {
    this.active.add(work);
  }

  release(work: InFlight): void {
    if (!this.active.delete(work)) return;
    if (this.onRelease.size > 0) for (const listener of this.onRelease) listener();
    if (!this.routed && this.active.size === 0) this.close();
  }

  /** Goes on with these instances; what is under way to another one ends there. */
  moveTo(endpoints: readonly EndpointState[]): void {
    for (const gone of this.endpoints) if (!endpoints.includes(gone)) gone.connections.close();
    this.endpoints = endpoints;
  }

  close(): void {
    this.moveTo([]);
    this.site = undefined;
  }
}

/** All pools of a worker by workload id. */
export class Pools {
  readonly #byId = new Map<string, PoolState>();
  /** No table names them, but something is in flight there. */
  readonly #retired = new Set<PoolState>();
  readonly #connectTimeoutMs: number;
  readonly #openSite: (pool: Pool & { kind: 'static' }) => StaticSite;

  constructor(connectTimeoutMs: number, openSite: (pool: Pool & { kind: 'static' }) => StaticSite) {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#openSite = openSite;
  }

  get(id: string): PoolState | undefined {
    return this.#byId.get(id);
  }

  /** Brings a pool in line with its description; requests under way keep the instance they have. */
  define(pool: Pool): PoolState {
    let state = this.#byId.get(pool.id);
    if (!state) {
      state = new PoolState(pool.id);
      this.#byId.set(pool.id, state);
    }
    state.routed = true;
    this.#retired.delete(state);
    if (pool.kind === 'static') {
      state.moveTo([]);
      if (!state.site?.matches(pool)) state.site = this.#openSite(pool);
      return state;
    }
    state.site = undefined;
    state.requestTimeoutMs = pool.requestTimeout;
    state.holdWhenEmpty = pool.whenEmpty === 'hold';
    const before = state.endpoints;
    const after = pool.endpoints.map((endpoint) => {
      const known = before.find((candidate) => candidate.is(endpoint));
      if (known) known.healthy = endpoint.healthy;
      return known ?? new EndpointState(endpoint, this.#connectTimeoutMs);
    });
    state.moveTo(after);
    return state;
  }

  /** The new table names these no more: they are forgotten as soon as nothing is in flight there. */
  retire(ids: readonly string[]): void {
    for (const id of ids) {
      const pool = this.#byId.get(id);
      if (!pool) continue;
      pool.routed = false;
      this.#retired.add(pool);
    }
    for (const pool of this.#retired) {
      if (pool.active.size > 0) continue;
      pool.close();
      this.#byId.delete(pool.id);
      this.#retired.delete(pool);
    }
  }

  *all(): Iterable<PoolState> {
    yield* this.#byId.values();
  }
}
