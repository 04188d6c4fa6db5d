import type { Redis } from 'ioredis';
import type { Sessions } from './auth/sessions.ts';
import type { Config } from './config.ts';
import type { Limiter } from './limiter.ts';
import type { MailQueue } from './mail/queue.ts';
import type { Database } from './postgres.ts';

/** What the routes work with; api.ts makes them. */
export interface Parts {
  readonly config: Pick<Config, 'publicUrl' | 'trustedProxies' | 'requestLimit' | 'signInLimit'>;
  readonly database: Database;
  readonly redis: Redis;
  readonly sessions: Sessions;
  readonly limiter: Limiter;
  readonly mails: MailQueue;
}
