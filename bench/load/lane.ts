import { Connection, type Target } from './connection.ts';
import type { MixItem } from './contract.ts';
import { judge } from './judge.ts';
import type { OrderBook } from './orders.ts';
import type { Tally } from './tally.ts';

export interface LaneSpec {
  readonly target: Target;
  readonly hostHeader: string;
  readonly appHeader: string | null;
  readonly timeoutMs: number;
  readonly tally: Tally;
  readonly orders: OrderBook;
}

export interface Due {
  readonly item: MixItem;
  /** On a connection of its own instead of the lane's kept one. */
  readonly fresh: boolean;
  /** Latency counts from here, on performance.now()'s clock. */
  readonly since: number;
}

/** One request at a time over one kept connection; requests that ask for a fresh one get it, and it becomes the kept one. */
export class Lane {
  readonly #spec: LaneSpec;
  #kept: Connection | undefined;

  constructor(spec: LaneSpec) {
    this.#spec = spec;
  }

  close(): void {
    this.#countStray();
    this.#kept?.close();
    this.#kept = undefined;
  }

  async send(due: Due): Promise<void> {
    const { tally, orders, appHeader } = this.#spec;
    const { item } = due;
    const order = item.order ? orders.next() : undefined;
    const phase = tally.phase;
    const tag = `${item.name}-${tally.started}`;
    const connection = this.#connection(due.fresh);
    tally.started += 1;
    tally.inFlight += 1;
    tally.perItem[item.name] = (tally.perItem[item.name] ?? 0) + 1;
    const result = await connection.exchange({
      method: item.method,
      bytes: this.#request(item, tag, order?.nonce),
      timeoutMs: this.#spec.timeoutMs,
    });
    tally.inFlight -= 1;
    if (result.kind === 'fault') {
      if (result.fault === 'client') tally.clientFault(result.detail);
      else tally.drop(result.fault, item.name, result.detail);
      return;
    }
    tally.latency(phase, item.name, performance.now() - due.since);
    const app = appHeader === null ? undefined : result.head.headers.get(appHeader);
    if (app !== undefined) tally.seen(app, Number(result.head.headers.get('x-at') ?? Number.NaN));
    const verdict = judge({ item, tag, appHeader, ...(order ? { nonce: order.nonce } : {}) }, result);
    if (verdict.kind === 'drop') tally.drop(verdict.drop, item.name, verdict.detail);
    else if (verdict.kind === 'app-error') tally.appErrors += 1;
    else {
      tally.ok += 1;
      if (order) orders.acknowledge(order.index);
    }
  }

  #connection(fresh: boolean): Connection {
    if (this.#kept?.usable && !fresh) return this.#kept;
    this.close();
    this.#kept = new Connection(this.#spec.target);
    this.#spec.tally.connectionsOpened += 1;
    return this.#kept;
  }

  #countStray(): void {
    const stray = this.#kept?.strayBytes ?? 0;
    if (stray > 0) this.#spec.tally.drop('wrong-answer', 'connection', `${stray} bytes that nobody had asked for`);
  }

  #request(item: MixItem, tag: string, nonce: string | undefined): Buffer {
    const head = `${item.method} ${item.path} HTTP/1.1\r\nhost: ${this.#spec.hostHeader}\r\nx-tag: ${tag}\r\n`;
    if (item.method !== 'POST') return Buffer.from(`${head}\r\n`);
    const body = (nonce ?? '').padEnd(item.bodyBytes ?? 0, ' ');
    return Buffer.from(`${head}content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
}
