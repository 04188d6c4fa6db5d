// A mail server that keeps what it is sent: just enough SMTP for a well-behaved client.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * `answers` may replace the answer to a command (MAIL, RCPT, DATA or the end of the message, "."): a function of how often
 * it has come, to a line such as "451 later", or nothing.
 */
export async function startSmtp(answers = {}, port = 0) {
  const mails = [];
  const waiting = [];
  const seen = {};
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const say = (line) => socket.write(`${line}\r\n`);
    const answer = (command, usual) => {
      seen[command] = (seen[command] ?? 0) + 1;
      const line = answers[command]?.(seen[command]) ?? usual;
      say(line);
      return /^[23]/.test(line);
    };
    let mail = { to: [], lines: [] };
    let inData = false;
    say('220 test');
    createInterface(socket).on('line', (line) => {
      if (inData) {
        if (line !== '.') return void mail.lines.push(line.replace(/^\./, ''));
        inData = false;
        if (answer('.', '250 kept')) keep(mail);
        mail = { to: [], lines: [] };
        return;
      }
      const command = line.slice(0, 4).toUpperCase();
      if (command === 'QUIT') {
        say('221 bye');
        socket.end();
      } else if (command === 'RCPT') {
        if (answer('RCPT', '250 ok')) mail.to.push(line.replace(/^RCPT TO:<(.*?)>.*$/i, '$1'));
      } else if (command === 'DATA') inData = answer('DATA', '354 go on');
      else answer(command, '250 ok');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const keep = ({ to, lines }) => {
    const end = lines.indexOf('');
    const head = lines.slice(0, end).join('\n');
    const body = lines.slice(end + 1).join('\n');
    const text = /quoted-printable/i.test(head) ? fromQuotedPrintable(body) : body;
    mails.push({ to, head, text });
    for (const waiter of waiting.splice(0)) {
      if (mails.length >= waiter.count) waiter.resolve();
      else waiting.push(waiter);
    }
  };
  return {
    url: `smtp://127.0.0.1:${server.address().port}`,
    mails,
    seen,
    /** The mails, once there are so many. */
    async caught(count, withinMs = 20_000) {
      if (mails.length < count) {
        const { promise, resolve, reject } = deferred();
        waiting.push({ resolve, count });
        const timer = setTimeout(() => reject(new Error(`${mails.length} of ${count} mails within ${withinMs} ms`)), withinMs);
        await promise.finally(() => clearTimeout(timer));
      }
      return mails;
    },
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const fromQuotedPrintable = (text) =>
  Buffer.from(
    text.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');
