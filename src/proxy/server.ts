import { createServer, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { ProxyContext } from './context.ts';
import { ambiguity } from './framing.ts';
import { Inbound } from './inbound.ts';
import { hangUp, isConcluded } from './linger.ts';
import { answerOurselves, type OwnAnswer, rawAnswer } from './pages.ts';
import type { InheritedListener } from './protocol.ts';
import { headersTooLarge, heldTooLong, notAllowed, Reception } from './reception.ts';
import type { RequestHead } from './request-head.ts';
import { endStalled } from './stalls.ts';
import { Upgrade } from './upgrade.ts';

/** Room for a body of 64 KiB with its head, so that its client's connection need not be paused and resumed. */
export const socketBufferBytes = 128 * 1024;

/** One listener of the worker for HTTP/1: a public one, or a release-local link. */
export class Listener {
  readonly server: Server<typeof Inbound>;
  readonly #context: ProxyContext;
  readonly #reception: Reception;
  readonly #connections = new Set<Socket>();
  readonly #fd: number;
  #ticking = false;

  constructor(context: ProxyContext, listener: InheritedListener) {
    this.#context = context;
    this.#fd = listener.fd;
    this.#reception = new Reception(context, listener);
    const { limits } = context;
    const server = createServer<typeof Inbound>({
      IncomingMessage: Inbound,
      requireHostHeader: false,
      insecureHTTPParser: false,
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, Math.max(50, limits.headersTimeoutMs / 4)),
      noDelay: true,
      highWaterMark: socketBufferBytes,
    });
    this.server = server;
    server.maxConnections = limits.maxConnections;
    server.maxHeadersCount = 0;
    server.on('connection', (socket: Socket) => this.#connected(socket));
    server.on('request', (req: Inbound, res: ServerResponse) => this.#request(req, res));
    server.on('checkContinue', (req: Inbound, res: ServerResponse) => this.#request(req, res));
    server.on('checkExpectation', (_req: Inbound, res: ServerResponse) => {
      answerOurselves(
        res,
        { status: 417, code: 'BAD_REQUEST', detail: 'Only 100-continue can be expected.', close: true },
        nobody,
      );
    });
    server.on('upgrade', (req: Inbound, socket: Socket, early: Buffer) => this.#upgrade(req, socket, early));
    server.on('connect', (req: Inbound, socket: Socket) => {
      socket.on('error', () => socket.destroy());
      if (isOwed(socket)) socket.destroy();
      else if (!isConcluded(req.socket)) hangUp(socket, rawAnswer(notAllowed));
    });
    server.on('clientError', (cause: NodeJS.ErrnoException, socket: Socket) => clientError(cause, socket));
    // Connections that somebody else accepts are looked at there.
    if (listener.name === 'http') endStalled(this.#connections, limits.stallTimeoutMs);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Starts to accept on the inherited socket. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ fd: this.#fd }, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
  }

  /** Serves a connection that somebody else has accepted. */
  accept(socket: Socket): void {
    // The clock of slow headers starts with listening, and this one never listens.
    if (!this.#ticking) this.server.emit('listening');
    this.#ticking = true;
    this.server.emit('connection', socket);
  }

  /**
   * Accepts nothing more; open connections stay until they have had an answer with `connection: close`, so that no request on
   * its way is met by a closed door. Calls back when the last one is gone.
   */
  stopAccepting(gone: () => void): void {
    // Not http's own close(): that one ends idle connections at once.
    NetServer.prototype.close.call(this.server, gone);
  }

  #connected(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
  }

  #request(req: Inbound, res: ServerResponse): void {
    // What follows a refused request on its connection may be a part of it in disguise.
    if (isConcluded(req.socket)) return;
    if (res.socket === null && !queued(req.socket, res)) {
      req.socket.destroy();
      return;
    }
    const { head } = req;
    const refusal = this.#refusal(req, head);
    if (refusal) {
      answerOurselves(res, refusal, { accept: head.accept, requestId: undefined });
      return;
    }
    this.#reception.receive(req, res, head, req.socket.remoteAddress ?? '');
  }

  #upgrade(req: Inbound, socket: Socket, early: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (isConcluded(socket)) return;
    // Its answer would overtake those that are still to come, and they would end up in the middle of the other protocol.
    if (isOwed(socket)) {
      socket.destroy();
      return;
    }
    const { head } = req;
    const noPlainGet = req.method !== 'GET' || head.contentLength > 0 || head.transferEncoding !== undefined;
    const refusal = this.#refusal(req, head) ?? (noPlainGet ? notByGet : undefined);
    if (refusal) {
      hangUp(socket, rawAnswer(refusal));
      return;
    }
    const placed = this.#reception.place(req, head);
    if ('go' in placed && !placed.go.pool.site) {
      const caller = this.#reception.callerOf(head, socket.remoteAddress ?? '');
      const unwanted = this.#reception.admit(req, head, placed.go, caller);
      if (unwanted) {
        hangUp(socket, rawAnswer(unwanted));
        return;
      }
      this.#reception.introduce(head, placed.go, caller);
      new Upgrade(this.#context, head, placed.go, socket, early).start();
      return;
    }
    hangUp(socket, rawAnswer('answer' in placed ? placed.answer : 'wait' in placed ? heldTooLong : noUpgrade));
  }

  #refusal(req: Inbound, head: RequestHead): OwnAnswer | undefined {
    const reason = ambiguity(req, head);
    if (reason !== undefined) return { status: 400, code: 'BAD_REQUEST', detail: reason, close: true };
    return this.#reception.refusal(req);
  }
}

/** What a connection that node reads has yet to send: the answer to the request whose turn it is. */
const answerOf = (socket: Socket): ServerResponse | null | undefined =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
const isOwed = (socket: Socket): boolean => (answerOf(socket) ?? null) !== null;

/** Answers that wait for those before them on their connection. */
const queues = new WeakMap<Socket, Set<ServerResponse>>();
/** Each of them is worked on meanwhile: as many as over one connection of HTTP/2. */
const mostQueued = 128;

/**
 * node tells an answer of its connection's end only when its turn has come; those still waiting would never hear of it.
 * @returns false when too many wait: whoever goes on sending before anything is answered has no use for the answers.
 */
function queued(socket: Socket, res: ServerResponse): boolean {
  let queue = queues.get(socket);
  if (queue === undefined) {
    const waiting = new Set<ServerResponse>();
    socket.once('close', () => {
      for (const one of waiting) if (one.socket === null && !one.writableFinished) one.emit('close');
    });
    queues.set(socket, waiting);
    queue = waiting;
  }
  if (queue.size >= mostQueued) return false;
  queue.add(res);
  res.once('close', () => queue.delete(res));
  return true;
}

const nobody = { accept: undefined, requestId: undefined };
const noUpgrade: OwnAnswer = { status: 400, code: 'NO_UPGRADE', detail: 'Files do not switch protocols.' };
const notByGet: OwnAnswer = {
  status: 400,
  code: 'BAD_REQUEST',
  detail: 'Protocols are switched by a GET without a body.',
  close: true,
};

/** What the HTTP parser refuses ends the connection; only what has had no answer yet gets one. */
function clientError(cause: NodeJS.ErrnoException, socket: Socket): void {
  // Its refusal is on the way out and ends the connection.
  if (isConcluded(socket) && !socket.destroyed) return;
  const begun = answerOf(socket)?.headersSent === true;
  if (!socket.writable || begun || cause.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const answer: OwnAnswer =
    cause.code === 'HPE_HEADER_OVERFLOW'
      ? headersTooLarge
      : cause.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? { status: 408, code: 'HEADERS_TOO_SLOW', detail: 'The request headers did not arrive in time.' }
        : { status: 400, code: 'BAD_REQUEST', detail: 'The request does not follow HTTP/1.1.' };
  socket.end(rawAnswer(answer), () => socket.destroy());
}
