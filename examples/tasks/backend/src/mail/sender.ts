import { createTransport, type Transporter } from 'nodemailer';
import type { Job, MailQueue } from './queue.ts';

/** Seconds until the next attempt, by how many have failed; the last goes for all that follow. */
const WAITS_S = [2, 5, 15, 60, 300, 900, 1_800];
/** About seven hours after the first. */
const MOST_ATTEMPTS = 20;

export type Outcome = { readonly result: 'sent' | 'postponed' | 'given up'; readonly reason?: string };

/** Sends jobs over SMTP and tells the queue what came of each. */
export class Sender {
  private readonly transport: Transporter;
  private readonly from: string;
  private readonly queue: MailQueue;

  constructor({ smtpUrl, from, queue }: { smtpUrl: string; from: string; queue: MailQueue }) {
    const options = { url: smtpUrl, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };
    this.transport = createTransport(options);
    this.from = from;
    this.queue = queue;
  }

  async send(job: Job): Promise<Outcome> {
    const { id, to, subject, text } = job;
    try {
      await this.transport.sendMail({ from: this.from, to: { name: '', address: to }, subject, text, messageId: `<${id}@tasks.invalid>` });
    } catch (error) {
      return await this.failed(job, error as SendError);
    }
    await this.queue.done(job);
    return { result: 'sent' };
  }

  private async failed(job: Job, { message: reason, responseCode = 0 }: SendError): Promise<Outcome> {
    // 5xx: the server will never take this mail.
    if (responseCode >= 500 || job.attempts + 1 >= MOST_ATTEMPTS) {
      await this.queue.giveUp(job, reason);
      return { result: 'given up', reason };
    }
    await this.queue.postpone(job, (WAITS_S[job.attempts] ?? 1_800) * 1_000);
    return { result: 'postponed', reason };
  }

  close(): void {
    this.transport.close();
  }
}

type SendError = Error & { readonly responseCode?: number };
