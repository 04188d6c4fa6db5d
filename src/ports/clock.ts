import type { Instant, Millis, WallTime } from '../domain/values.ts';

/** Time and identity, handed in so that rules and tests decide what they are. */
export interface Clock {
  /** Monotonic; see `Instant`. */
  now(): Instant;
  wall(): WallTime;
  /** Calls back once after `wait`; the returned function cancels. */
  after(wait: Millis, callback: () => void): () => void;
}

export interface Ids {
  /** Unique, sortable by creation, `[a-z0-9]` only. */
  next(): string;
  /** At least 128 bits from the system's random source, URL-safe. */
  secret(): string;
}
