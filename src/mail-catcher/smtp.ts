import { createServer, type Server, type Socket } from 'node:net';
import type { Mailbox } from './mailbox.ts';

export interface SmtpLimits {
  /** Bytes of one message. */
  readonly message: number;
  readonly recipients: number;
  readonly connections: number;
  /** Silence of a client, ms. */
  readonly idleMs: number;
}

/** Bytes of a command line (RFC 5321: 512; some clients send longer addresses). */
const longestLine = 4096;

/**
 * Takes every message for everybody and passes none on. Plain SMTP: no TLS; AUTH is accepted whatever is said, so that an app needs
 * no other settings than in production.
 */
export function createSmtp(mailbox: Mailbox, limits: SmtpLimits): Server {
  const server = createServer((socket) => serve(socket, mailbox, limits));
  server.maxConnections = limits.connections;
  return server;
}

interface Envelope {
  from: string | null;
  to: string[];
}

function serve(socket: Socket, mailbox: Mailbox, limits: SmtpLimits): void {
  let buffered = Buffer.alloc(0);
  let envelope: Envelope = { from: null, to: [] };
  /** Lines of an AUTH dialogue that are still to come. */
  let credentials = 0;
  let data: { lines: string[]; bytes: number } | null = null;
  const say = (text: string): void => void socket.write(`${text}\r\n`);
  const reset = (): void => {
    envelope = { from: null, to: [] };
  };

  const takeData = (line: Buffer): void => {
    if (data === null) return;
    if (line.length === 1 && line[0] === dot) {
      const { lines, bytes } = data;
      data = null;
      if (bytes > limits.message) say(`552 5.3.4 Larger than ${limits.message} bytes`);
      else {
        const { id } = mailbox.add({ from: envelope.from ?? '', to: envelope.to, raw: lines.join('\r\n') });
        say(`250 2.0.0 Kept as ${id}`);
      }
      reset();
      return;
    }
    data.bytes += line.length + 2;
    // What is too large is read to its end and thrown away: the client hears of it then.
    if (data.bytes <= limits.message) data.lines.push((line[0] === dot ? line.subarray(1) : line).toString('utf8'));
    else data.lines = [];
  };

  const begin: Readonly<Record<string, (rest: string) => void>> = {
    HELO: () => say('250 signalbox'),
    EHLO: () => say(`250-signalbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE ${limits.message}\r\n250 AUTH PLAIN LOGIN`),
    AUTH: (rest) => {
      const [way = '', first] = rest.split(' ');
      credentials = way.toUpperCase() === 'LOGIN' ? (first ? 1 : 2) : first ? 0 : 1;
      say(credentials === 0 ? '235 2.7.0 Welcome' : '334 ');
    },
    MAIL: (rest) => {
      const from = /^FROM:\s*<([^>]*)>/i.exec(rest)?.[1];
      const size = Number(/\bSIZE=(\d+)/i.exec(rest)?.[1] ?? 0);
      if (from === undefined) return say('501 5.5.4 Expected MAIL FROM:<address>');
      if (size > limits.message) return say(`552 5.3.4 Larger than ${limits.message} bytes`);
      envelope = { from, to: [] };
      say('250 2.1.0 Go on');
    },
    RCPT: (rest) => {
      const to = /^TO:\s*<([^>]+)>/i.exec(rest)?.[1];
      if (envelope.from === null) return say('503 5.5.1 MAIL first');
      if (to === undefined) return say('501 5.5.4 Expected RCPT TO:<address>');
      if (envelope.to.length >= limits.recipients) return say('452 4.5.3 Too many recipients');
      envelope.to.push(to);
      say('250 2.1.5 Go on');
    },
    DATA: () => {
      if (envelope.to.length === 0) return say('503 5.5.1 RCPT first');
      data = { lines: [], bytes: 0 };
      say('354 End with a line of one dot');
    },
    RSET: () => {
      reset();
      say('250 2.0.0 Forgotten');
    },
    NOOP: () => say('250 2.0.0 Here'),
    VRFY: () => say('252 2.5.0 Everybody is here'),
    QUIT: () => void socket.end('221 2.0.0 Bye\r\n'),
  };

  const take = (line: Buffer): void => {
    if (data !== null) return takeData(line);
    const text = line.toString('utf8');
    if (credentials > 0) {
      credentials -= 1;
      return say(credentials > 0 ? '334 ' : '235 2.7.0 Welcome');
    }
    const [, verb = '', rest = ''] = /^([A-Za-z]+)(?: +(.*))?$/.exec(text.trimEnd()) ?? [];
    const known = verb.toUpperCase();
    if (Object.hasOwn(begin, known)) begin[known]?.(rest);
    else say('500 5.5.2 What?');
  };

  socket.setTimeout(limits.idleMs, () => void socket.end('421 4.4.2 Too long silent\r\n'));
  socket.on('error', () => socket.destroy());
  socket.on('data', (part: Buffer) => {
    buffered = Buffer.concat([buffered, part]);
    for (let at = buffered.indexOf(newline); at !== -1 && socket.writable; at = buffered.indexOf(newline)) {
      const line = buffered.subarray(0, buffered[at - 1] === carriage ? at - 1 : at);
      buffered = buffered.subarray(at + 1);
      take(line);
    }
    // A line of a message may be long; a command may not, nor may a message without an end of line.
    if (buffered.length > (data === null ? longestLine : limits.message)) socket.end('500 5.5.2 Line too long\r\n');
  });
  say('220 signalbox mail catcher');
}

const newline = 0x0a;
const carriage = 0x0d;
const dot = 0x2e;
