import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { loadConfig } from './config.ts';
import { MailQueue } from './mail/queue.ts';
import { Sender } from './mail/sender.ts';
import { openRedis } from './redis.ts';

// The worker that sends what the API has queued. Several may run at once.

const log = pino({ level: process.env.LOG_LEVEL || 'info', base: { program: 'mailer' } });

async function main(): Promise<void> {
  const config = loadConfig(process.env, ['redisUrl', 'smtpUrl', 'mailFrom', 'logLevel']);
  const redis = openRedis(config.redisUrl, (error) => log.warn({ err: error }, 'Redis'));
  // Waits in Redis for seconds on end, so without a time limit for commands.
  const blocking = redis.duplicate({ commandTimeout: undefined });
  blocking.on('error', () => undefined);
  const queue = new MailQueue(redis);
  const sender = new Sender({ smtpUrl: config.smtpUrl, from: config.mailFrom, queue });

  let stopping = false;
  const stop = () => {
    stopping = true;
    // Ends the wait at once; a mail that is being sent is finished first.
    blocking.disconnect();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  log.info('waiting for mails');
  while (!stopping) {
    try {
      const job = await queue.take();
      if (job === undefined) {
        await MailQueue.wait(blocking, 1);
        continue;
      }
      const { result, reason } = await sender.send(job);
      const about = { mail: job.id, subject: job.subject, attempts: job.attempts + 1, reason };
      if (result === 'sent') log.info(about, 'sent');
      else if (result === 'postponed') log.warn(about, 'not sent, will be tried again');
      else log.error(about, 'not sent, given up');
    } catch (error) {
      if (stopping) break;
      log.error({ err: error }, 'the queue cannot be reached');
      await sleep(1_000);
    }
  }
  sender.close();
  blocking.disconnect();
  redis.disconnect();
  log.info('stopped');
}

main().catch((error: unknown) => {
  log.fatal({ err: error }, 'could not start');
  process.exitCode = 1;
});
