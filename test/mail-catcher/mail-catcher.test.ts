import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Server as NetServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Mailbox, openMailbox } from '../../src/mail-catcher/mailbox.ts';
import { createPages } from '../../src/mail-catcher/pages.ts';
import { createSmtp } from '../../src/mail-catcher/smtp.ts';

const open: (Server | NetServer)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

const limits = { message: 2000, recipients: 2, connections: 10, idleMs: 5000 };

async function listening(server: Server | NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  return (server.address() as AddressInfo).port;
}

/** Sends the lines one after another, each when the one before was answered. @returns every reply's code. */
async function talk(mailbox: Mailbox, lines: readonly string[]): Promise<readonly string[]> {
  const port = await listening(createSmtp(mailbox, limits));
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const codes: string[] = [];
  const left = [...lines];
  let text = '';
  socket.on('data', (part: string) => {
    text += part;
    for (let end = /^\d{3} .*\r\n/m.exec(text); end; end = /^\d{3} .*\r\n/m.exec(text)) {
      codes.push(end[0].slice(0, 3));
      text = text.slice(end.index + end[0].length);
      const next = left.shift();
      if (next === undefined) socket.end();
      else socket.write(next);
    }
  });
  await once(socket, 'close');
  return codes;
}

const envelope = ['EHLO me\r\n', 'MAIL FROM:<a@example.com> SIZE=100\r\n', 'RCPT TO:<b@example.com>\r\n', 'DATA\r\n'];

describe('the mail catcher', () => {
  test('keeps what an app sends, newest first, with its subject decoded', async () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    const codes = await talk(mailbox, [
      ...envelope,
      'Subject: =?utf-8?B?R3LDvMOfZQ==?= =?utf-8?Q?_aus_K=C3=B6ln?=\r\n\r\nHello\r\n..dot\r\n.\r\n',
      'MAIL FROM:<>\r\n',
      'RCPT TO:<c@example.com>\r\n',
      'DATA\r\n',
      'Subject: second\r\n folded\r\n\r\nx\r\n.\r\n',
      'QUIT\r\n',
    ]);
    expect(codes).toEqual(['220', '250', '250', '250', '354', '250', '250', '250', '354', '250', '221']);
    expect(mailbox.all().map(({ id, from, to, subject }) => [id, from, to, subject])).toEqual([
      [2, '', ['c@example.com'], 'second folded'],
      [1, 'a@example.com', ['b@example.com'], 'Grüße aus Köln'],
    ]);
    expect(mailbox.get(1)?.raw.endsWith('Hello\r\n.dot')).toBe(true);
  });

  test('takes any login, so that an app needs no other settings than in production', async () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    expect(await talk(mailbox, ['EHLO me\r\n', 'AUTH PLAIN AGEAYg==\r\n', 'AUTH LOGIN\r\n', 'YQ==\r\n', 'Yg==\r\n'])).toEqual([
      '220',
      '250',
      '235',
      '334',
      '334',
      '235',
    ]);
  });

  test('refuses what is too large and goes on', async () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    const codes = await talk(mailbox, [
      ...envelope,
      `${'x'.repeat(900)}\r\n${'y'.repeat(900)}\r\n${'z'.repeat(900)}\r\n.\r\n`,
      'MAIL FROM:<a@example.com> SIZE=999999\r\n',
      'NOOP\r\n',
    ]);
    expect(codes).toEqual(['220', '250', '250', '250', '354', '552', '552', '250']);
    expect(mailbox.all()).toEqual([]);
  });

  test('hangs up on a line without end, and on who says nothing sensible in a wrong order only answers', async () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    expect(
      await talk(mailbox, ['DATA\r\n', 'RCPT TO:<a@b>\r\n', 'MAIL FROM:a\r\n', 'constructor\r\n', 'x'.repeat(5000)]),
    ).toEqual(['220', '503', '503', '501', '500', '500']);
  });

  test('knows the subject of a message that has nothing but headers', () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    expect(mailbox.add({ from: '', to: [], raw: 'From: a@b\r\nSubject: short' }).subject).toBe('short');
  });

  test('keeps within its bounds by dropping the oldest', () => {
    const mailbox = openMailbox({ messages: 2, bytes: 100 });
    for (const letter of ['a', 'b', 'c']) mailbox.add({ from: '', to: [], raw: letter });
    expect(mailbox.all().map(({ raw }) => raw)).toEqual(['c', 'b']);
    mailbox.add({ from: '', to: [], raw: 'x'.repeat(100) });
    expect(mailbox.all()).toHaveLength(1);
  });

  test('shows mail to this machine only, and never as a page of its own', async () => {
    const mailbox = openMailbox({ messages: 10, bytes: 10_000 });
    mailbox.add({ from: '<script>', to: ['b'], raw: 'Subject: <img src=x>\r\n\r\n<script>alert(1)</script>' });
    const at = `http://127.0.0.1:${await listening(createPages(mailbox))}`;
    const page = await (await fetch(at)).text();
    expect(page).not.toContain('<script>');
    expect(page).not.toContain('<img');
    const raw = await fetch(`${at}/mail/1`);
    expect(raw.headers.get('content-type')).toContain('text/plain');
    expect(await (await fetch(`${at}/api/v1/messages`)).json()).toMatchObject({
      total: 1,
      messages: [{ id: 1, from: '<script>' }],
    });
    expect((await fetch(`${at}/api/v1/messages/9`)).status).toBe(404);
    expect((await fetch(`${at}/api/v1/messages`, { method: 'DELETE' })).status).toBe(200);
    expect(mailbox.all()).toEqual([]);
  });
});
