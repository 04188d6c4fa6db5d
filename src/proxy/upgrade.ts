import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ProxyContext } from './context.ts';
import { addMissing } from './edge/headers.ts';
import { type EndpointState, pickEndpoint } from './endpoints.ts';
import { endSoon, hangUp } from './linger.ts';
import { type OwnAnswer, rawAnswer } from './pages.ts';
import type { Placement } from './placement.ts';
import type { InFlight, PoolState } from './pools.ts';
import type { RequestHead } from './request-head.ts';
import { readResponseHead } from './response-head.ts';
import { Tunnel } from './tunnel.ts';

const unreachable: OwnAnswer = { status: 502, code: 'APP_UNREACHABLE', detail: 'The app could not be reached.' };
const empty: OwnAnswer = { status: 503, code: 'APP_EMPTY', detail: 'The app has no running instance at the moment.' };
const deadline: OwnAnswer = { status: 504, code: 'DRAIN_DEADLINE', detail: 'The release that worked on this has been replaced.' };

/** A request that asks to leave HTTP (a websocket, mostly). The client's further bytes wait until the instance has agreed. */
export class Upgrade implements InFlight {
  readonly #context: ProxyContext;
  readonly #head: RequestHead;
  readonly #placement: Placement;
  readonly #socket: Socket;
  readonly #early: Buffer;
  readonly #startedAt = performance.now();
  #pool: PoolState;
  #request: ClientRequest | undefined;
  #tunnel: Tunnel | undefined;
  #tried: EndpointState[] = [];
  #rescuing = false;
  #answering = false;
  #settled = false;

  constructor(context: ProxyContext, head: RequestHead, placement: Placement, socket: Socket, early: Buffer) {
    this.#context = context;
    this.#head = head;
    this.#placement = placement;
    this.#socket = socket;
    this.#early = early;
    this.#pool = placement.pool;
    this.#pool.claim(this);
    const { counter } = placement;
    if (counter) {
      counter.requests += 1;
      counter.inFlight += 1;
    }
    socket.on('error', () => this.#clientGone());
    socket.on('close', () => this.#clientGone());
  }

  start(): void {
    const endpoint = pickEndpoint(this.#pool.endpoints, this.#tried);
    if (!endpoint) {
      this.#fail(empty);
      return;
    }
    this.#tried.push(endpoint);
    endpoint.inFlight += 1;
    let connected = false;
    let over = false;
    const { host, port } = endpoint;
    const headers = [...this.#head.forward, 'connection', 'upgrade', 'upgrade', this.#head.upgrade ?? ''];
    const request = httpRequest({ host, port, method: 'GET', path: this.#placement.path, headers, agent: false });
    this.#request = request;
    const timer = setTimeout(() => request.destroy(new Error('too late')), this.#pool.requestTimeoutMs);
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      clearTimeout(timer);
      return true;
    };
    request.on('socket', (socket) => socket.on('connect', () => (connected = true)));
    request.on('upgrade', (response, instance: Socket, head) => {
      if (!finish()) return;
      endpoint.succeeded();
      this.#join(response, instance, head, endpoint);
    });
    request.on('response', (response) => {
      if (!finish()) return;
      endpoint.succeeded();
      this.#refused(response, endpoint);
    });
    request.on('error', () => {
      if (!finish()) return;
      endpoint.inFlight -= 1;
      if (this.#settled) return;
      endpoint.failed();
      this.#attemptFailed(connected);
    });
    request.end();
  }

  cut(): void {
    if (this.#tunnel) {
      this.#tunnel.cut();
    } else if (this.#answering) {
      this.#dropped();
      this.#socket.destroy();
      this.#settle();
    } else {
      this.#request?.destroy();
      this.#fail(deadline);
    }
  }

  #join(response: IncomingMessage, instance: Socket, head: Buffer, endpoint: EndpointState): void {
    const { counter, cookie } = this.#placement;
    if (this.#settled) {
      endpoint.inFlight -= 1;
      instance.destroy();
      return;
    }
    if (counter && !this.#rescuing) counter.answered(101, performance.now() - this.#startedAt);
    const raw = cookie === undefined ? response.rawHeaders : [...response.rawHeaders, 'set-cookie', cookie];
    this.#socket.write(`HTTP/1.1 101 ${response.statusMessage ?? ''}\r\n${linesOf(raw)}\r\n`, 'latin1');
    if (head.length > 0) instance.unshift(head);
    if (this.#early.length > 0) instance.write(this.#early);
    this.#tunnel = new Tunnel(this.#socket, instance, {
      websocket: this.#head.upgrade?.toLowerCase() === 'websocket',
      onEnd: () => {
        endpoint.inFlight -= 1;
        this.#settle();
      },
    });
  }

  /** The instance answered without switching: its answer goes out and the connection ends, so that nothing else gets through. */
  #refused(response: IncomingMessage, endpoint: EndpointState): void {
    const status = response.statusCode ?? 502;
    const { counter, rescue, cookie, edge } = this.#placement;
    if (counter && !this.#rescuing) counter.answered(status, performance.now() - this.#startedAt);
    if (status >= 500) this.#countError();
    if (status >= 500 && rescue && !this.#rescuing) {
      endpoint.inFlight -= 1;
      this.#request?.destroy();
      this.#rescueBy(rescue.pool);
      return;
    }
    this.#answering = true;
    const { forward } = readResponseHead(response.rawHeaders);
    if (cookie !== undefined) forward.push('set-cookie', cookie);
    if (edge) addMissing(forward, edge.headers);
    forward.push('connection', 'close');
    this.#socket.write(`HTTP/1.1 ${status} ${response.statusMessage ?? ''}\r\n${linesOf(forward)}\r\n`, 'latin1');
    this.#socket.resume();
    this.#socket.once('finish', () => endSoon(this.#socket));
    response.pipe(this.#socket);
    response.on('error', () => this.#socket.destroy());
    response.on('close', () => {
      endpoint.inFlight -= 1;
      this.#settle();
    });
  }

  #attemptFailed(sent: boolean): void {
    this.#countError();
    const { rescue } = this.#placement;
    if (rescue && !this.#rescuing) this.#rescueBy(rescue.pool);
    else if (!sent && this.#pool.endpoints.some((other) => !this.#tried.includes(other))) this.start();
    else this.#fail(unreachable);
  }

  #rescueBy(pool: PoolState): void {
    this.#rescuing = true;
    if (this.#placement.counter) this.#placement.counter.rescued += 1;
    this.#pool.release(this);
    this.#pool = pool;
    pool.claim(this);
    this.#tried = [];
    this.start();
  }

  #fail(answer: OwnAnswer): void {
    if (this.#settled) return;
    this.#dropped();
    hangUp(this.#socket, rawAnswer(answer));
    this.#settle();
  }

  #clientGone(): void {
    if (this.#tunnel || this.#settled) return;
    this.#request?.destroy();
    this.#settle();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#pool.release(this);
    if (this.#placement.counter) this.#placement.counter.inFlight -= 1;
  }

  #countError(): void {
    const { counter } = this.#placement;
    if (!counter || this.#rescuing) return;
    counter.errors += 1;
    this.#context.counters.onError();
  }

  #dropped(): void {
    if (this.#placement.counter) this.#placement.counter.dropped += 1;
  }
}

function linesOf(flat: readonly string[]): string {
  let lines = '';
  for (let i = 0; i + 1 < flat.length; i += 2) lines += `${flat[i]}: ${flat[i + 1]}\r\n`;
  return lines;
}
