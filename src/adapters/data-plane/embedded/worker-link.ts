import type { ProxyEvents, ProxyMethods, WorkerHello, WorkerStats } from '../../../proxy/protocol.ts';
import { connectWire, type WireClient } from '../../../wire/client.ts';
import { WireError } from '../../../wire/server.ts';

export type Control = WireClient<ProxyMethods, ProxyEvents>;

/** A connection to one running worker process. */
export interface Live {
  readonly control: Control;
  readonly hello: WorkerHello;
  /** Of the table that it serves, by its own word; null when no change fits that table. */
  digest: string | null;
  /** False once the connection has ended. */
  open: boolean;
}

export interface LinkOptions {
  readonly name: string;
  readonly controlSocket: string;
  readonly statsEveryMs: number;
  /** Called with each process once it is connected, before anybody else gets to use it. */
  readonly onLive: (live: Live) => Promise<void>;
  readonly onStats: (stats: WorkerStats) => void;
  readonly onLost: (live: Live) => void;
}

const firstPauseMs = 10;
const longestPauseMs = 250;

/** Keeps a connection to whichever process serves one worker's control socket. */
export class WorkerLink {
  readonly name: string;
  readonly #options: LinkOptions;
  #live: Live | undefined;
  #closed = false;
  readonly #waiters = new Set<(live: Live) => void>();

  constructor(options: LinkOptions) {
    this.name = options.name;
    this.#options = options;
    void this.#keepConnected();
  }

  get present(): Live | undefined {
    return this.#live;
  }

  /** The running worker; `not` is one that no longer counts. @throws WireError WIRE_TIMEOUT when none answers in time. */
  live(timeoutMs: number, not?: Live): Promise<Live> {
    const present = this.#live;
    if (present && present !== not) return Promise.resolve(present);
    return new Promise((resolve, reject) => {
      const got = (live: Live): void => {
        if (live === not) return;
        clearTimeout(timer);
        this.#waiters.delete(got);
        resolve(live);
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(got);
        reject(new WireError('WIRE_TIMEOUT', `The proxy worker ${this.name} did not come up within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.#waiters.add(got);
    });
  }

  /** Gives up on the present process, which may live on, and looks for its successor. */
  leave(): Live | undefined {
    const former = this.#live;
    this.#live = undefined;
    if (former) void this.#keepConnected(former.hello.pid);
    return former;
  }

  close(): void {
    this.#closed = true;
    this.#live?.control.close();
  }

  async #keepConnected(notPid?: number): Promise<void> {
    for (let pause = firstPauseMs; !this.#closed; pause = Math.min(longestPauseMs, pause * 1.5)) {
      const live = await this.#connect(notPid);
      if (live) {
        await this.#stay(live);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #connect(notPid: number | undefined): Promise<Live | undefined> {
    let control: Control | undefined;
    try {
      control = await connectWire<ProxyMethods, ProxyEvents>(this.#options.controlSocket);
      const hello = await control.call('hello', {}, 2_000);
      if (hello.pid === notPid) throw new WireError('WIRE_CLOSED', 'This is the process that was left.');
      const live: Live = { control, hello, digest: hello.digest ?? null, open: true };
      await this.#options.onLive(live);
      control.on('stats', this.#options.onStats);
      await control.call('watch-stats', { everyMs: this.#options.statsEveryMs }, 2_000);
      return live;
    } catch {
      // Not there yet, or not any more: the caller tries again.
      control?.close();
      return undefined;
    }
  }

  async #stay(live: Live): Promise<void> {
    const { control } = live;
    if (this.#closed) {
      control.close();
      return;
    }
    this.#live = live;
    for (const waiter of this.#waiters) waiter(live);
    await control.closed;
    live.open = false;
    this.#options.onLost(live);
    // After `leave` somebody else looks for the successor.
    if (this.#live !== live) return;
    this.#live = undefined;
    void this.#keepConnected();
  }
}
