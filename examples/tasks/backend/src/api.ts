import { pino } from 'pino';
import { buildApp } from './app.ts';
import { Sessions } from './auth/sessions.ts';
import { loadConfig } from './config.ts';
import { Limiter } from './limiter.ts';
import { MailQueue } from './mail/queue.ts';
import { openDatabase } from './postgres.ts';
import { openRedis } from './redis.ts';

/** Less than the time that whoever stops us waits before SIGKILL. */
const STOP_MS = 9_000;

const log = pino({ level: process.env.LOG_LEVEL || 'info', base: { program: 'api' } });

async function main(): Promise<void> {
  const config = loadConfig(process.env, [
    'port',
    'host',
    'databaseUrl',
    'redisUrl',
    'publicUrl',
    'trustedProxies',
    'requestLimit',
    'signInLimit',
    'logLevel',
  ]);
  const database = openDatabase(config.databaseUrl, (error) => log.warn({ err: error }, 'lost a database connection'));
  const redis = openRedis(config.redisUrl, (error) => log.warn({ err: error }, 'Redis'));
  const parts = { config, database, redis, sessions: new Sessions(redis), limiter: new Limiter(redis), mails: new MailQueue(redis) };
  const app = buildApp(parts, log);

  const stop = (signal: string) => {
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_MS).unref();
    // Takes no new connections and answers what is in flight; then what the answers needed is closed.
    app
      .close()
      .then(() => database.close())
      .then(() => redis.disconnect())
      .catch((error: unknown) => {
        log.error({ err: error }, 'did not stop cleanly');
        process.exit(1);
      });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  await app.listen({ port: config.port, host: config.host, listenTextResolver: (address) => `listening on ${address}` });
}

main().catch((error: unknown) => {
  log.fatal({ err: error }, 'could not start');
  process.exit(1);
});
