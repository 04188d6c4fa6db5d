import { createHash, randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';

export interface Session {
  readonly userId: string;
  /** Sent back by the page with each change, in X-CSRF-Token. */
  readonly csrfToken: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

const IDLE_S = 7 * 24 * 60 * 60;
const LONGEST_MS = 30 * 24 * 60 * 60 * 1000;

/** Who is signed in, in Redis. A session ends after a week without use and after thirty days in any case. */
export class Sessions {
  private readonly redis: Redis;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  /** @returns the token for the cookie; what is stored is its hash, so that a copy of Redis signs nobody in. */
  async start(userId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const session: Session = { userId, csrfToken: randomBytes(32).toString('base64url'), startedAt: Date.now() };
    await this.redis.set(keyOf(token), JSON.stringify(session), 'EX', IDLE_S);
    return token;
  }

  async find(token: string | undefined): Promise<Session | undefined> {
    if (token === undefined || !/^[\w-]{43}$/.test(token)) return undefined;
    const text = await this.redis.getex(keyOf(token), 'EX', IDLE_S);
    if (text === null) return undefined;
    const session = JSON.parse(text) as Session;
    if (Date.now() - session.startedAt < LONGEST_MS) return session;
    await this.end(token);
    return undefined;
  }

  async end(token: string): Promise<void> {
    await this.redis.del(keyOf(token));
  }
}

const keyOf = (token: string): string => `session:${createHash('sha256').update(token).digest('base64url')}`;
