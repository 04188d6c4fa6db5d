import { createServer, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { ProxyContext } from './context.ts';
import { Exchange } from './exchange.ts';
import { ambiguity } from './framing.ts';
import { Inbound } from './inbound.ts';
import { answerOurselves, type OwnAnswer, rawAnswer } from './pages.ts';
import { type Placed, type Placement, place, placeLink } from './placement.ts';
import type { InheritedListener } from './protocol.ts';
import { addForwarding, type RequestHead, requestIdOf } from './request-head.ts';
import { serveStatic } from './static-exchange.ts';
import { Upgrade } from './upgrade.ts';

/** Room for a body of 64 KiB with its head, so that its client's connection need not be paused and resumed. */
const socketBufferBytes = 128 * 1024;

/** One listener of the worker: the public one, or a release-local link. */
export class Listener {
  readonly name: string;
  readonly server: Server<typeof Inbound>;
  readonly #context: ProxyContext;
  /** Slot of a link; -1 for the public listener. */
  readonly #slot: number;
  readonly #connections = new Set<Socket>();
  readonly #fd: number;

  constructor(context: ProxyContext, listener: InheritedListener) {
    this.name = listener.name;
    this.#context = context;
    this.#fd = listener.fd;
    this.#slot = listener.name.startsWith('link-') ? Number(listener.name.slice('link-'.length)) : -1;
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
      else if (!refused.has(req.socket)) socket.end(rawAnswer(notAllowed));
    });
    server.on('clientError', (cause: NodeJS.ErrnoException, socket: Socket) => clientError(cause, socket));
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

  /**
   * Accepts nothing more; open connections stay until they have had an answer with `connection: close`, so that no request on
   * its way is met by a closed door. Calls back when the last one is gone.
   */
  stopAccepting(gone: () => void): void {
    // Not http's own close(): that one ends idle connections at once.
    NetServer.prototype.close.call(this.server, gone);
  }

  destroyConnections(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  #connected(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
  }

  #request(req: Inbound, res: ServerResponse): void {
    // What follows a refused request on its connection may be a part of it in disguise.
    if (refused.has(req.socket)) return;
    if (res.socket === null) tellOfTheEnd(req.socket, res);
    const { head } = req;
    const refusal = this.#refusal(req, head);
    if (refusal) {
      refused.add(req.socket);
      answerOurselves(res, refusal, { accept: head.accept, requestId: undefined });
      return;
    }
    this.#dispatch(req, res, head);
  }

  #dispatch(req: Inbound, res: ServerResponse, head: RequestHead): void {
    const placed = this.#place(req, head);
    if ('go' in placed) {
      this.#carry(req, res, head, placed.go);
    } else if ('answer' in placed) {
      this.#answer(res, head, placed.answer);
    } else {
      const entered = this.#context.holds.enter(placed.wait.queue, res, {
        resume: () => this.#dispatch(req, res, head),
        expire: () => this.#answer(res, head, heldTooLong),
      });
      if (!entered) this.#answer(res, head, queueFull);
    }
  }

  #carry(req: Inbound, res: ServerResponse, head: RequestHead, placement: Placement): void {
    if (placement.pool.site) {
      serveStatic(this.#context, { req, res, head, placement, site: placement.pool.site });
      return;
    }
    this.#addForwarding(req, head, placement);
    new Exchange(this.#context, req, res, head, placement).start();
  }

  #upgrade(req: Inbound, socket: Socket, early: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (refused.has(socket)) return;
    // Its answer would overtake those that are still to come, and they would end up in the middle of the other protocol.
    if (isOwed(socket)) {
      socket.destroy();
      return;
    }
    const { head } = req;
    const noPlainGet = req.method !== 'GET' || head.contentLength > 0 || head.transferEncoding !== undefined;
    const refusal = this.#refusal(req, head) ?? (noPlainGet ? notByGet : undefined);
    if (refusal) {
      socket.end(rawAnswer(refusal));
      return;
    }
    const placed = this.#place(req, head);
    if ('go' in placed && !placed.go.pool.site) {
      this.#addForwarding(req, head, placed.go);
      new Upgrade(this.#context, head, placed.go, socket, early).start();
      return;
    }
    socket.end(rawAnswer('answer' in placed ? placed.answer : 'wait' in placed ? heldTooLong : noUpgrade));
  }

  #place(req: Inbound, head: RequestHead): Placed {
    const target = req.url ?? '/';
    return this.#slot === -1 ? place(this.#context, head, target) : placeLink(this.#context, this.#slot, target);
  }

  #refusal(req: Inbound, head: RequestHead): OwnAnswer | undefined {
    const reason = ambiguity(req, head);
    if (reason !== undefined) return { status: 400, code: 'BAD_REQUEST', detail: reason, close: true };
    if (req.method === 'TRACE' || req.url === '*') return notAllowed;
    if (head.contentLength > this.#context.limits.maxBodyBytes) return tooLarge;
    return undefined;
  }

  #addForwarding(req: Inbound, head: RequestHead, placement: Placement): void {
    const address = req.socket.remoteAddress ?? '';
    const peer = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
    const trusted = this.#slot !== -1 || this.#context.trusted.includes(peer);
    addForwarding(head, { peer, trusted, proto: 'http', prefix: placement.prefix });
  }

  #answer(res: ServerResponse, head: RequestHead, answer: OwnAnswer): void {
    answerOurselves(res, this.#context.finishing ? { ...answer, close: true } : answer, {
      accept: head.accept,
      requestId: requestIdOf(head),
    });
  }
}

/** Connections that have had a refusal and are about to end. */
const refused = new WeakSet<Socket>();

/** What a connection that node reads has yet to send: the answer to the request whose turn it is. */
const answerOf = (socket: Socket): ServerResponse | null | undefined =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
const isOwed = (socket: Socket): boolean => (answerOf(socket) ?? null) !== null;

/** Answers that wait for those before them on their connection. */
const queues = new WeakMap<Socket, Set<ServerResponse>>();

/** node tells an answer of its connection's end only when its turn has come; those still waiting would never hear of it. */
function tellOfTheEnd(socket: Socket, res: ServerResponse): void {
  let queue = queues.get(socket);
  if (queue === undefined) {
    const waiting = new Set<ServerResponse>();
    socket.once('close', () => {
      for (const one of waiting) if (one.socket === null && !one.writableFinished) one.emit('close');
    });
    queues.set(socket, waiting);
    queue = waiting;
  }
  queue.add(res);
  res.once('close', () => queue.delete(res));
}

const nobody = { accept: undefined, requestId: undefined };
const notAllowed: OwnAnswer = { status: 405, code: 'METHOD_NOT_ALLOWED', detail: 'This method is not served here.', close: true };
const noUpgrade: OwnAnswer = { status: 400, code: 'NO_UPGRADE', detail: 'Files do not switch protocols.' };
const notByGet: OwnAnswer = {
  status: 400,
  code: 'BAD_REQUEST',
  detail: 'Protocols are switched by a GET without a body.',
  close: true,
};
const tooLarge: OwnAnswer = {
  status: 413,
  code: 'BODY_TOO_LARGE',
  detail: 'The request body is larger than this installation accepts.',
  close: true,
};
const heldTooLong: OwnAnswer = {
  status: 503,
  code: 'HELD_TOO_LONG',
  detail: 'The app is paused for a moment. Please try again.',
  retryAfterSeconds: 5,
};
const queueFull: OwnAnswer = {
  status: 503,
  code: 'HOLD_QUEUE_FULL',
  detail: 'The app is paused for a moment and too many requests wait already.',
  retryAfterSeconds: 5,
};

/** What the HTTP parser refuses ends the connection; only what has had no answer yet gets one. */
function clientError(cause: NodeJS.ErrnoException, socket: Socket): void {
  // Its refusal is on the way out and ends the connection.
  if (refused.has(socket) && !socket.destroyed) return;
  const begun = answerOf(socket)?.headersSent === true;
  if (!socket.writable || begun || cause.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const answer: OwnAnswer =
    cause.code === 'HPE_HEADER_OVERFLOW'
      ? { status: 431, code: 'HEADERS_TOO_LARGE', detail: 'The request headers are larger than this installation accepts.' }
      : cause.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? { status: 408, code: 'HEADERS_TOO_SLOW', detail: 'The request headers did not arrive in time.' }
        : { status: 400, code: 'BAD_REQUEST', detail: 'The request does not follow HTTP/1.1.' };
  socket.end(rawAnswer(answer), () => socket.destroy());
}
