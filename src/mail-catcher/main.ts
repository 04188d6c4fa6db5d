import { openMailbox } from './mailbox.ts';
import { createPages } from './pages.ts';
import { createSmtp } from './smtp.ts';

/**
 * A mail catcher: shows on the port that is its argument what came by SMTP on the one after it; both on loopback only. Everything
 * is in memory.
 */
const megabyte = 1024 * 1024;
const mailbox = openMailbox({ messages: 500, bytes: 32 * megabyte });
const limits = { message: 10 * megabyte, recipients: 100, connections: 50, idleMs: 60_000 };

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

function start(pagesPort: number, smtpPort: number): void {
  const smtp = createSmtp(mailbox, limits).once('error', fail);
  const pages = createPages(mailbox).once('error', fail);
  smtp.listen({ host: '127.0.0.1', port: smtpPort }, () => {
    // Whoever sees the page's port open may send mail.
    pages.listen({ host: '127.0.0.1', port: pagesPort }, () =>
      process.stdout.write(`Mail is caught on 127.0.0.1:${smtpPort} and shown on http://127.0.0.1:${pagesPort}\n`),
    );
  });
  process.on('SIGTERM', () => process.exit(0));
}

const port = Number(process.argv[2]);
if (Number.isInteger(port) && port > 0 && port < 65_535) start(port, port + 1);
else fail(new Error('Expected the port of the pages.'));
