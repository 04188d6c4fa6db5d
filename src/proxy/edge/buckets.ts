import { randomBytes } from 'node:crypto';
import type { Client } from './client.ts';

/** Slots that a bucket may be in; when all are taken the one that is full again first gives way. */
const ways = 8;

/** How a bucket fills and what it holds. */
export interface Fill {
  /** Not 0; buckets of different limits have nothing to do with each other. */
  readonly limit: number;
  /** Milliseconds that one request is worth. */
  readonly spacingMs: number;
  readonly burst: number;
}

/**
 * Buckets that requests are taken out of, each by the time at which it will be full again. A bucket that is full is the same as none,
 * so only those in use need room, and the room is fixed: under a spray of addresses the fullest give way first, hence never those that
 * a refusal depends on before those that do not matter. Exact otherwise; the wall clock plays no part.
 */
export class Buckets {
  readonly #sets: number;
  readonly #limits: Uint32Array;
  readonly #highs: Uint32Array;
  readonly #lows: Uint32Array;
  readonly #fullAt: Float64Array;
  /** Nobody can choose addresses that push each other out. */
  readonly #seed = randomBytes(4).readUInt32LE();

  /** @param slots a power of two, at least 8; 20 bytes each. */
  constructor(slots = 65_536) {
    this.#sets = slots / ways;
    this.#limits = new Uint32Array(slots);
    this.#highs = new Uint32Array(slots);
    this.#lows = new Uint32Array(slots);
    this.#fullAt = new Float64Array(slots);
  }

  /** Milliseconds until a request would pass; 0: it may pass now. */
  wait(fill: Fill, client: Client, nowMs: number): number {
    const slot = this.#find(fill.limit, client);
    if (slot === -1) return 0;
    const owed = (this.#fullAt[slot] ?? 0) - nowMs + fill.spacingMs;
    const over = owed - fill.burst * fill.spacingMs;
    return over > rounding ? over : 0;
  }

  /** Takes one request out, whatever is left. */
  take(fill: Fill, client: Client, nowMs: number): void {
    let slot = this.#find(fill.limit, client);
    if (slot === -1) {
      slot = this.#room(fill.limit, client);
      this.#limits[slot] = fill.limit;
      this.#highs[slot] = client.high;
      this.#lows[slot] = client.low;
      this.#fullAt[slot] = nowMs;
    }
    this.#fullAt[slot] = Math.max(this.#fullAt[slot] ?? 0, nowMs) + fill.spacingMs;
  }

  #find(limit: number, client: Client): number {
    const first = this.#firstOf(limit, client);
    for (let slot = first; slot < first + ways; slot += 1) {
      if (this.#lows[slot] === client.low && this.#highs[slot] === client.high && this.#limits[slot] === limit) return slot;
    }
    return -1;
  }

  #room(limit: number, client: Client): number {
    const first = this.#firstOf(limit, client);
    let chosen = first;
    for (let slot = first + 1; slot < first + ways; slot += 1) {
      if ((this.#fullAt[slot] ?? 0) < (this.#fullAt[chosen] ?? 0)) chosen = slot;
    }
    return chosen;
  }

  #firstOf(limit: number, { high, low }: Client): number {
    let mixed = mix(this.#seed ^ limit);
    mixed = mix(mixed ^ high);
    mixed = mix(mixed ^ low);
    return ((mixed >>> 0) % this.#sets) * ways;
  }
}

/** Sums of fractions of milliseconds: a burst of exactly the limit has to pass whole. */
const rounding = 1e-3;

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
