import { connect, isIPv6 } from 'node:net';

/** What an HTTP server said in its first line, or why it said nothing of use, in words that follow "GET /path". */
export type StatusAnswer =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'failed'; readonly why: string };

export interface StatusRequest {
  readonly host: string;
  readonly port: number;
  /** Starts with a slash; what a request line cannot hold is sent percent-encoded. */
  readonly path: string;
  readonly userAgent: string;
  /** Milliseconds for connecting, asking and the whole head of the answer. */
  readonly timeout: number;
}

/** Bytes of a head that never ends; the same as Node's own client allows. */
const largestHead = 16 * 1024;

/**
 * Sends one GET over a connection of its own and reads the answer to the end of its head: interim answers are passed over, the body is
 * left to the server. Written on the socket itself: it runs many times a second for as long as an installation lives, and costs a
 * third of a client that knows all of HTTP. Never rejects.
 */
export function askStatus(what: StatusRequest): Promise<StatusAnswer> {
  return new Promise((resolve) => {
    let head = '';
    const socket = connect({ host: what.host, port: what.port });
    const settle = (answer: StatusAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const fail = (why: string): void => settle({ kind: 'failed', why });
    const timer = setTimeout(() => fail(`did not answer within ${what.timeout} ms`), what.timeout);
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      const read = readHead(head);
      if (read !== 'unfinished') settle(read);
    });
    socket.once('end', () => fail('was reset'));
    socket.once('error', (error) => fail(sayError(error)));
    socket.write(requestOf(what));
  });
}

const requestOf = ({ host, port, path, userAgent }: StatusRequest): string =>
  `GET ${encoded(path)} HTTP/1.1\r\nhost: ${isIPv6(host) ? `[${host}]` : host}:${port}\r\n` +
  `user-agent: ${userAgent}\r\nconnection: close\r\n\r\n`;

const encoded = (path: string): string =>
  Buffer.from(path)
    .toString('latin1')
    .replace(/[^!-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);

const statusLine = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?\n/;
const beginning = 'HTTP/1.';

function readHead(text: string): StatusAnswer | 'unfinished' {
  for (let rest = text; ; ) {
    const begun = rest.slice(0, beginning.length);
    if (!beginning.startsWith(begun)) return notHttp;
    const end = /\n\r?\n/.exec(rest);
    if (!end) return text.length > largestHead ? { kind: 'failed', why: 'failed: its headers are too large' } : 'unfinished';
    const status = Number(statusLine.exec(rest)?.[1]);
    if (Number.isNaN(status)) return notHttp;
    // 101 is final: nobody asked for another protocol.
    if (status >= 200 || status === 101) return { kind: 'answered', status };
    rest = rest.slice(end.index + end[0].length);
  }
}

const notHttp = { kind: 'failed', why: 'did not answer in HTTP' } as const;

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'was refused (nothing listens there)',
  ECONNRESET: 'was reset',
  EPIPE: 'was reset',
  HPE_INVALID_CONSTANT: notHttp.why,
};

/** Why a connection or exchange failed, in words that follow what was asked. */
export const sayError = (error: NodeJS.ErrnoException): string => words[error.code ?? ''] ?? `failed: ${error.message}`;
