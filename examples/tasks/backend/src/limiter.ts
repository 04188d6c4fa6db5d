import type { Redis } from 'ioredis';
import { Problem } from './problem.ts';

export interface Limit {
  /** What is counted apart from other limits. */
  readonly name: string;
  /** Calls that may come at once. */
  readonly burst: number;
  /** Milliseconds after which one more is allowed. */
  readonly everyMs: number;
}

/*
 * The generic cell rate algorithm: one time per key, that at which the bucket will be empty again. By Redis' clock, so that
 * every instance agrees. Answers 0, or how many milliseconds to wait; a refused call costs nothing.
 */
const script = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local every, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local empty = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = empty + every - every * burst - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], empty + every, 'PX', empty + every - now)
return 0
`;

/** Rate limits shared by all instances. */
export class Limiter {
  private readonly redis: Redis;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  /** Counts one call of `who`. @throws Problem 429 with the seconds until the next would pass. */
  async take(limit: Limit, who: string): Promise<void> {
    const wait = Number(await this.redis.eval(script, 1, keyOf(limit, who), limit.everyMs, limit.burst));
    if (wait <= 0) return;
    const retryAfter = Math.ceil(wait / 1000);
    throw new Problem(429, 'too-many-requests', `Too many requests. Try again in ${inWords(retryAfter)}.`, { retryAfter });
  }

  /** Forgets what `who` has used. */
  async clear(limit: Limit, who: string): Promise<void> {
    await this.redis.del(keyOf(limit, who));
  }
}

const keyOf = (limit: Limit, who: string): string => `limit:${limit.name}:${who}`;

const inWords = (seconds: number): string => {
  if (seconds === 1) return 'a second';
  return seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
};
