import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Job extends Mail {
  readonly id: string;
  /** Attempts that have failed. */
  readonly attempts: number;
}

const DUE = 'mail:due';
const JOBS = 'mail:jobs';
const WAKE = 'mail:wake';
const GIVEN_UP = 'mail:given-up';
const GIVEN_UP_KEPT = 1_000;

/** How long a job belongs to the mailer that took it: longer than the longest attempt to send. */
const LEASE_MS = 5 * 60_000;

const takeScript = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if not id then return false end
local job = redis.call('HGET', KEYS[2], id)
if not job then redis.call('ZREM', KEYS[1], id) return false end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), id)
return job
`;

const postponeScript = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
`;

/**
 * Mails to be sent, in Redis. A job stays in the queue while it is sent, so that one whose mailer dies is sent by the next
 * when its lease ends: at least once, and under the same Message-ID.
 */
export class MailQueue {
  private readonly redis: Redis;

  constructor(redis: Redis) {
    this.redis = redis;
  }

  async add(mail: Mail): Promise<void> {
    const job: Job = { id: randomUUID(), attempts: 0, ...mail };
    const answers = await this.redis.multi().hset(JOBS, job.id, JSON.stringify(job)).zadd(DUE, 0, job.id).lpush(WAKE, '1').ltrim(WAKE, 0, 0).exec();
    const failed = answers === null ? new Error('Redis dropped the transaction.') : answers.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  /** The job that is due longest, leased to the caller. */
  async take(): Promise<Job | undefined> {
    const job = (await this.redis.eval(takeScript, 2, DUE, JOBS, LEASE_MS)) as string | null;
    return job === null ? undefined : (JSON.parse(job) as Job);
  }

  async done(job: Job): Promise<void> {
    await this.redis.multi().zrem(DUE, job.id).hdel(JOBS, job.id).exec();
  }

  /** Tries it again after `delayMs`. */
  async postpone(job: Job, delayMs: number): Promise<void> {
    await this.redis.eval(postponeScript, 2, DUE, JOBS, job.id, JSON.stringify({ ...job, attempts: job.attempts + 1 }), delayMs);
  }

  /** Keeps it, among the last thousand, for somebody to look at. */
  async giveUp(job: Job, reason: string): Promise<void> {
    const text = JSON.stringify({ ...job, reason });
    await this.redis.multi().zrem(DUE, job.id).hdel(JOBS, job.id).lpush(GIVEN_UP, text).ltrim(GIVEN_UP, 0, GIVEN_UP_KEPT - 1).exec();
  }

  /** Mails that have not been sent yet. */
  async waiting(): Promise<number> {
    return await this.redis.zcard(DUE);
  }

  /** Returns when a mail was added, at the latest after `seconds`. Blocks its connection: not one that others use. */
  static async wait(blocking: Redis, seconds: number): Promise<void> {
    await blocking.blpop(WAKE, seconds);
  }
}
