import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ProxyContext } from '../context.ts';
import { answerOurselves, type OwnAnswer } from '../pages.ts';
import { headersTooLarge, notAllowed, type Reception } from '../reception.ts';
import { Http2Answer } from './answer.ts';
import { Http2Request } from './request.ts';

/** Requests at a time over one connection. */
const mostStreams = 128;
/** What a client may send of one body, and of all of a connection's bodies together, before any of it is read. */
const streamWindowBytes = 256 * 1024;
const connectionWindowBytes = 1024 * 1024;
/** Header lines of one request; their bytes are limited like those of HTTP/1. */
const mostHeaderLines = 500;
/** Broken frames, and streams that are refused, until a connection is given up. */
const mostBrokenFrames = 100;

/** Speaks HTTP/2 with clients; what they ask for goes the way of all requests. */
export class Http2Front {
  readonly #context: ProxyContext;
  readonly #reception: Reception;
  readonly #server: Http2Server;
  readonly #sessions = new Map<ServerHttp2Session, Connection>();
  readonly #answers = new Set<Http2Answer>();

  constructor(context: ProxyContext, reception: Reception) {
    const { limits } = context;
    this.#context = context;
    this.#reception = reception;
    this.#server = createServer({
      maxHeaderListPairs: mostHeaderLines,
      maxSessionInvalidFrames: mostBrokenFrames,
      maxSessionRejectedStreams: mostBrokenFrames,
      settings: {
        maxConcurrentStreams: mostStreams,
        initialWindowSize: streamWindowBytes,
        maxHeaderListSize: limits.maxHeaderBytes,
        enablePush: false,
      },
    });
    this.#server.on('stream', (stream, headers, _flags, raw: string[] = flat(headers)) => this.#request(stream, raw));
    this.#server.on('sessionError', () => {});
    const look = (): void => {
      this.#endStalled();
      this.#endLeft();
    };
    setInterval(look, Math.min(5_000, Math.max(50, limits.stallTimeoutMs / 4))).unref();
  }

  /** Serves a connection on which HTTP/2 was agreed. */
  accept(socket: TLSSocket): void {
    this.#server.once('session', (session) => this.#opened(session, socket));
    this.#server.emit('connection', socket);
  }

  /** Tells all clients to come back over a new connection; what they have asked for is answered. */
  finish(): void {
    for (const session of this.#sessions.keys()) session.close();
  }

  #opened(session: ServerHttp2Session, socket: TLSSocket): void {
    const { keepAliveTimeoutMs, headersTimeoutMs } = this.#context.limits;
    this.#sessions.set(session, { socket, left: false });
    let open = 0;
    session.setLocalWindowSize(connectionWindowBytes);
    session.setTimeout(headersTimeoutMs);
    // After a client's mistake the library below sends GOAWAY and reads nothing more, not even that the client has gone.
    let unanswered = false;
    session.on('timeout', () => {
      if (open === 0) {
        session.close();
      } else if (unanswered) {
        session.destroy();
      } else {
        unanswered = true;
        session.ping((cause) => (unanswered = cause !== null));
        session.setTimeout(keepAliveTimeoutMs);
      }
    });
    session.once('stream', () => session.setTimeout(keepAliveTimeoutMs));
    session.on('stream', (stream: ServerHttp2Stream) => {
      open += 1;
      stream.once('close', () => (open -= 1));
    });
    session.on('close', () => this.#sessions.delete(session));
  }

  #request(stream: ServerHttp2Stream, raw: readonly string[]): void {
    const { session } = stream;
    const res = new Http2Answer(stream);
    this.#answers.add(res);
    res.once('close', () => this.#answers.delete(res));
    const req = new Http2Request(stream, raw);
    const { head } = req;
    // A body of no length, or one that is refused, has an end too, and somebody has to see it.
    const refusal = req.fault === undefined ? this.#refusal(req) : badRequest(req.fault);
    if (refusal || (head.transferEncoding === undefined && head.contentLength <= 0)) stream.resume();
    if (refusal) answerOurselves(res, refusal, { accept: head.accept, requestId: undefined });
    else this.#reception.receive(req, res, head, session?.socket.remoteAddress ?? '');
    // It came over a connection that was not told yet.
    if (this.#context.finishing && session && !session.closed) session.close();
  }

  #refusal(req: Http2Request): OwnAnswer | undefined {
    if (req.headerBytes > this.#context.limits.maxHeaderBytes) return headersTooLarge;
    return req.method === 'CONNECT' ? notAllowed : this.#reception.refusal(req);
  }

  /** The library waits for the client to end its side, too; whoever does not would have the connection for ever. */
  #endLeft(): void {
    for (const [session, connection] of this.#sessions) {
      if (!session.destroyed) continue;
      if (connection.left) connection.socket.destroy();
      connection.left = true;
    }
  }

  /** A client that takes nothing of an answer for too long holds the instance that makes it. */
  #endStalled(): void {
    const latest = performance.now() - this.#context.limits.stallTimeoutMs;
    for (const answer of this.#answers) {
      if (answer.stalledSince > 0 && answer.stalledSince < latest) answer.destroy();
    }
  }
}

interface Connection {
  readonly socket: TLSSocket;
  /** Seen after its session had ended. */
  left: boolean;
}

const badRequest = (detail: string): OwnAnswer => ({ status: 400, code: 'BAD_REQUEST', detail });

function flat(headers: IncomingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).flatMap((one) => [name, one]),
  );
}
