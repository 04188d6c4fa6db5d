import type { Socket } from 'node:net';
import Client from 'undici/lib/dispatcher/client.js';
import { connector } from './connector.ts';

/** What is kept back from an advertised keep-alive: time for the peer's close to travel. */
const safetyMs = 1_000;
/** How long a connection may idle when its peer advertises nothing. */
const unadvertisedIdleMs = 4_000;

/** One connection to an instance, carrying one request at a time; reconnects by itself when used after its end. */
export class Connection {
  readonly client: Client;
  readonly owner: Connections;
  connected = false;
  /** The present socket, or the last one. */
  socket: Socket | undefined;
  /** Requests answered over the present socket: 0 means that it is fresh. */
  served = 0;
  idleSince = 0;
  /** What the peer promised to keep it open for, ms; 0: nothing. */
  advertisedMs = 0;

  constructor(owner: Connections, origin: string, connectTimeoutMs: number) {
    this.owner = owner;
    this.client = new Client(origin, {
      pipelining: 1,
      bodyTimeout: 0,
      keepAliveTimeout: unadvertisedIdleMs,
      keepAliveTimeoutThreshold: safetyMs,
      maxHeaderSize: 128 * 1024,
      connect: connector(connectTimeoutMs, (socket) => (this.socket = socket)),
    });
    this.client.on('connect', () => {
      this.connected = true;
      this.served = 0;
      this.advertisedMs = 0;
    });
    this.client.on('disconnect', () => {
      this.connected = false;
      owner.forget(this);
    });
    this.client.on('connectionError', () => {
      this.connected = false;
    });
  }

  /** Hands the connection back after a complete answer. */
  release(): void {
    this.served += 1;
    this.idleSince = performance.now();
    this.owner.keep(this);
  }
}

/** The connections to one instance; the most recently used is taken first, so that surplus ones idle out. */
export class Connections {
  readonly #origin: string;
  readonly #connectTimeoutMs: number;
  readonly #idle: Connection[] = [];
  #closed = false;

  constructor(host: string, port: number, connectTimeoutMs: number) {
    this.#origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /**
   * A connection for one request. `mustBeCertain`: the request may not be sent twice, so a pooled connection is only taken
   * while the peer's own promise to keep it open has more than a second to run.
   */
  take(mustBeCertain: boolean): Connection {
    const last = this.#idle.at(-1);
    if (last && (!mustBeCertain || performance.now() - last.idleSince < last.advertisedMs - safetyMs)) {
      this.#idle.pop();
      return last;
    }
    return this.fresh();
  }

  fresh(): Connection {
    return new Connection(this, this.#origin, this.#connectTimeoutMs);
  }

  keep(connection: Connection): void {
    if (this.#closed) end(connection);
    else this.#idle.push(connection);
  }

  forget(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  /** Ends what is idle now and what becomes idle later; requests under way are left alone. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) end(connection);
  }
}

function end(connection: Connection): void {
  connection.client.destroy(() => {});
}
