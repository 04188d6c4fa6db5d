import { Redis } from 'ioredis';

/**
 * A connection that reconnects by itself for ever. A command fails after a second without connection, so that a request
 * is answered with 503 instead of waiting.
 */
export function openRedis(url: string, onLost: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 3,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on('error', onLost);
  return redis;
}

/** Whether the error says that Redis cannot be reached for now. */
export function isRedisUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'MaxRetriesPerRequestError' || /connection is closed|command timed out|LOADING|READONLY|stream isn't writeable/i.test(error.message);
}
