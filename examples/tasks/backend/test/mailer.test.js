import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { MailQueue } from '../dist/mail/queue.js';
import { startMailer } from './support/programs.js';
import { startSmtp } from './support/smtp.js';
import { withServers } from './support/stack.js';

const mail = (subject) => ({ to: 'ben@example.org', subject, text: 'Hello' });

withServers('mailer', ({ redis }) => {
  let client;
  let queue;
  before(() => {
    client = new Redis(redis.url);
    queue = new MailQueue(client);
  });
  after(() => client.disconnect());

  test('sends mails at once, in the order in which they were added, and forgets them', async (t) => {
    const smtp = await startSmtp();
    t.after(() => smtp.stop());
    const mailer = await startMailer({ REDIS_URL: redis.url, SMTP_URL: smtp.url, MAIL_FROM: 'Tasks <tasks@example.org>' });
    t.after(() => mailer.end());
    await queue.add(mail('first'));
    await smtp.caught(1);
    await queue.add(mail('second'));
    await smtp.caught(2);
    assert.deepEqual(smtp.mails.map(({ head }) => /^Subject: (.*)$/m.exec(head)[1]), ['first', 'second']);
    assert.match(smtp.mails[0].head, /^From: Tasks <tasks@example\.org>$/m);
    assert.equal(await mailer.end('SIGTERM'), 0);
    assert.equal(await queue.waiting(), 0);
    assert.deepEqual(await client.keys('mail:jobs'), []);
  });

  test('tries again what the server did not take, and gives up what it will never take', async (t) => {
    const smtp = await startSmtp({ DATA: (time) => (time === 1 ? '451 later' : undefined), RCPT: (time) => (time === 2 ? '550 no such user' : undefined) });
    t.after(() => smtp.stop());
    const mailer = await startMailer({ REDIS_URL: redis.url, SMTP_URL: smtp.url });
    t.after(() => mailer.end());
    await queue.add(mail('taken later'));
    await mailer.line(/will be tried again/);
    await queue.add(mail('never taken'));
    await mailer.line(/given up/);
    const [sent] = await smtp.caught(1);
    assert.match(sent.head, /^Subject: taken later$/m);
    await mailer.line(/^sent$/);
    assert.equal(await queue.waiting(), 0);
    const [given] = await client.lrange('mail:given-up', 0, -1);
    assert.equal(JSON.parse(given).subject, 'never taken');
    assert.match(JSON.parse(given).reason, /550 no such user/);
  });

  test('without a mail server mails wait, and go out when it is there', async (t) => {
    const gone = await startSmtp();
    const port = new URL(gone.url).port;
    await gone.stop();
    const mailer = await startMailer({ REDIS_URL: redis.url, SMTP_URL: gone.url });
    t.after(() => mailer.end());
    await queue.add(mail('patient'));
    await mailer.line(/will be tried again/);
    const smtp = await startSmtp({}, Number(port));
    t.after(() => smtp.stop());
    await smtp.caught(1);
    await mailer.line(/^sent$/);
    assert.equal(await queue.waiting(), 0);
  });

  test('a mail is in the hands of one mailer, and of the next when that one has died', async () => {
    await queue.add(mail('leased'));
    const [one, other] = await Promise.all([queue.take(), queue.take()]);
    const job = one ?? other;
    assert.equal(job.subject, 'leased');
    assert.equal(one === undefined || other === undefined, true);
    assert.equal(await queue.waiting(), 1, 'still there, should its mailer die');
    const due = Number(await client.zscore('mail:due', job.id));
    assert.ok(due > Date.now() + 60_000 && due < Date.now() + 600_000);
    await client.zadd('mail:due', 0, job.id);
    assert.deepEqual(await queue.take(), job);
    await queue.done(job);
    assert.equal(await queue.take(), undefined);
  });

  test('goes on when Redis was away', async (t) => {
    if (redis.halt === undefined) return t.skip('the Redis at REDIS_URL_TEST is not ours to stop');
    const smtp = await startSmtp();
    t.after(() => smtp.stop());
    const mailer = await startMailer({ REDIS_URL: redis.url, SMTP_URL: smtp.url });
    t.after(() => mailer.end());
    await redis.halt();
    await redis.resume();
    await queue.add(mail('after the break'));
    await smtp.caught(1);
    await mailer.line(/^sent$/);
    assert.equal(await mailer.end('SIGTERM'), 0);
  });
});
