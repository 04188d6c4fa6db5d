import { freemem, loadavg, totalmem } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Parts } from './parts.ts';

/** Longest wait for the database or Redis; shorter than that of whoever asks. */
const PATIENCE_MS = 1_500;

/** 503 while the database or Redis cannot be asked, or the database has none of our tables yet. */
export function addHealth(app: FastifyInstance, { database, redis }: Parts): void {
  app.get('/health', { logLevel: 'warn' }, async (request, reply) => {
    const [migrations, pong] = await Promise.all([
      settle(database.query<{ count: number }>('SELECT count(*)::int FROM schema_migrations')),
      settle(redis.ping()),
    ]);
    for (const { error } of [migrations, pong]) if (error !== undefined) request.log.warn({ err: error }, 'not healthy');
    const healthy = migrations.error === undefined && pong.error === undefined;
    return reply.code(healthy ? 200 : 503).send({
      status: healthy ? 'ok' : 'unavailable',
      database: migrations.error === undefined ? { state: 'up', migrations: migrations.value?.rows[0]?.count } : { state: 'down' },
      redis: { state: pong.error === undefined ? 'up' : 'down' },
      system: {
        uptimeSeconds: Math.round(process.uptime()),
        load: loadavg()[0],
        memory: { total: totalmem(), free: freemem(), process: process.memoryUsage.rss() },
      },
    });
  });
}

/** What came of it within the patience. */
async function settle<Value>(asked: Promise<Value>): Promise<{ value?: Value; error?: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return { value: await Promise.race([asked, tooLong]) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}
