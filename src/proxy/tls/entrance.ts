import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContext,
  type TlsOptions,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import type { ProxyContext } from '../context.ts';
import { Http2Front } from '../http2/front.ts';
import type { InheritedListener } from '../protocol.ts';
import { Reception } from '../reception.ts';
import { Listener, socketBufferBytes } from '../server.ts';
import { endStalled } from '../stalls.ts';
import { peekAtHello } from './client-hello.ts';
import { Handshakes } from './handshakes.ts';
import { applicationProtocols, policy, ticketKeyBytes, ticketKeyMs, unrecognizedName } from './policy.ts';

/**
 * The listener for HTTPS: shakes hands with a certificate for the host that the client names, then hands the connection to HTTP/2 or
 * HTTP/1, whichever was agreed on. Without any certificate it listens too and says so to each client, so that the first one takes
 * effect at once.
 */
export class SecureEntrance {
  readonly #context: ProxyContext;
  readonly #fd: number;
  readonly #accepting: Server;
  readonly #tls: TlsServer;
  readonly #http1: Listener;
  readonly #http2: Http2Front;
  readonly #handshakes: Handshakes;
  readonly #connections = new Set<Socket>();
  /** Connections of clients that cannot use ECDSA; looked at only where there is a choice. */
  readonly #rsaOnly = new WeakSet<Socket>();
  #ticketKeys = randomBytes(ticketKeyBytes);

  constructor(context: ProxyContext, listener: InheritedListener) {
    const { limits } = context;
    this.#context = context;
    this.#fd = listener.fd;
    this.#http1 = new Listener(context, listener);
    this.#http2 = new Http2Front(context, new Reception(context, listener));
    this.#handshakes = new Handshakes(limits.maxHandshakes);
    context.handshakes = this.#handshakes.counts;
    this.#accepting = createServer({ noDelay: true, highWaterMark: socketBufferBytes });
    this.#accepting.maxConnections = limits.maxConnections;
    this.#accepting.on('connection', (socket: Socket) => this.#accepted(socket));
    const select = this.#select.bind(this);
    this.#tls = createTlsServer({
      ...this.#shared(),
      ALPNProtocols: applicationProtocols,
      handshakeTimeout: limits.handshakeTimeoutMs,
      // A function: node calls it on the connection that is shaking hands.
      SNICallback(this: TLSSocket | undefined, name, done) {
        select(name, this, done);
      },
    });
    this.#tls.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
    this.#tls.on('tlsClientError', (cause: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.#handshakes.failed(cause);
      // One turn later: the alert that says why is on its way by then.
      setImmediate(() => socket.destroy());
    });
    context.certificates.onChange = () => this.#tls.setSecureContext(this.#shared());
    setInterval(() => {
      this.#ticketKeys = randomBytes(ticketKeyBytes);
      this.#tls.setSecureContext(this.#shared());
    }, ticketKeyMs).unref();
    endStalled(this.#connections, limits.stallTimeoutMs);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Starts to accept on the inherited socket. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#accepting.once('error', reject);
      this.#accepting.listen({ fd: this.#fd }, () => {
        this.#accepting.off('error', reject);
        resolve();
      });
    });
  }

  /** Accepts nothing more; open connections end with what is under way on them. Calls back when the last one is gone. */
  stopAccepting(gone: () => void): void {
    this.#accepting.close(gone);
    this.#http2.finish();
  }

  #accepted(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    const { certificates, limits } = this.#context;
    if (certificates.set.pairs.length === 0) {
      socket.setTimeout(limits.handshakeTimeoutMs, () => socket.destroy());
      socket.once('data', () => this.#refuse(socket));
      return;
    }
    this.#handshakes.begin(socket);
    if (!certificates.mixed) {
      this.#tls.emit('connection', socket);
      return;
    }
    // node shows the one certificate that it is given for a host: which kind, has to be known before.
    const timer = setTimeout(() => {
      this.#handshakes.counts.timedOut += 1;
      socket.destroy();
    }, limits.handshakeTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    peekAtHello(socket, (takesEcdsa) => {
      clearTimeout(timer);
      if (!takesEcdsa) this.#rsaOnly.add(socket);
      this.#tls.emit('connection', socket);
    });
  }

  /** Shared by all handshakes; its certificate is for clients that name no host. */
  #shared(): TlsOptions {
    return { ...policy, ...this.#context.certificates.nameless(), ticketKeys: this.#ticketKeys };
  }

  #select(name: string, client: TLSSocket | undefined, done: (cause: Error | null, context?: SecureContext) => void): void {
    const socket = client && this.#handshakes.under(client);
    const avoided = socket && this.#rsaOnly.has(socket) ? 'ecdsa' : 'rsa';
    const context = this.#context.certificates.contextOf(name.toLowerCase(), avoided);
    if (context) {
      done(null, context);
      return;
    }
    if (socket) this.#refuse(socket);
    else done(new Error('There is no certificate for this host.'));
  }

  #refuse(socket: Socket): void {
    this.#handshakes.counts.unknownNames += 1;
    socket.end(unrecognizedName);
  }

  #secured(socket: TLSSocket): void {
    this.#handshakes.done(socket);
    if (socket.alpnProtocol === 'h2') this.#http2.accept(socket);
    else this.#http1.accept(socket);
  }
}
