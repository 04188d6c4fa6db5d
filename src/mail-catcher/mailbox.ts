/** One message as it came in. */
export interface Mail {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Decoded; empty where there is none. */
  readonly subject: string;
  /** Headers and body as they were sent, lines ended by CRLF. */
  readonly raw: string;
}

export interface Mailbox {
  add(mail: Omit<Mail, 'id' | 'at' | 'subject'>): Mail;
  /** Newest first. */
  all(): readonly Mail[];
  get(id: number): Mail | undefined;
  clear(): void;
}

export interface MailboxLimits {
  readonly messages: number;
  /** Bytes of all messages together. */
  readonly bytes: number;
}

/** Keeps the newest messages in memory, within both limits. */
export function openMailbox({ messages, bytes }: MailboxLimits): Mailbox {
  let kept: Mail[] = [];
  let size = 0;
  let last = 0;
  return {
    add: (given) => {
      last += 1;
      const mail = { ...given, id: last, at: new Date().toISOString(), subject: subjectOf(given.raw) };
      kept.push(mail);
      size += mail.raw.length;
      while (kept.length > 1 && (kept.length > messages || size > bytes)) size -= kept.shift()?.raw.length ?? 0;
      return mail;
    },
    all: () => kept.toReversed(),
    get: (id) => kept.find((mail) => mail.id === id),
    clear: () => {
      kept = [];
      size = 0;
    },
  };
}

function subjectOf(raw: string): string {
  const end = raw.indexOf('\r\n\r\n');
  const head = end === -1 ? raw : raw.slice(0, end);
  const folded = /^subject:[ \t]*(.*(?:\r\n[ \t].*)*)/im.exec(head)?.[1] ?? '';
  return folded
    .replace(/\r\n[ \t]+/g, ' ')
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(/=\?([\w-]+)\?([bq])\?([^?]*)\?=/gi, (whole, charset: string, way: string, text: string) =>
      decoded(whole, { charset, way, text }),
    )
    .trim();
}

/** An encoded word (RFC 2047); as it stands where its character set is unknown. */
function decoded(whole: string, { charset, way, text }: { charset: string; way: string; text: string }): string {
  try {
    const bytes =
      way.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64')
        : Buffer.from(
            text
              .replaceAll('_', ' ')
              .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
            'latin1',
          );
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return whole;
  }
}
