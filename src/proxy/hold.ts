import type { ClientAnswer } from './client-side.ts';

/** How many held requests are let go at once, and how long until the next ones. */
const releasedAtOnce = 10;
const releaseEveryMs = 5;

interface Held {
  readonly resume: () => void;
  readonly leave: () => void;
}

/** Requests that wait for their app: bounded per queue, each for a bounded time, let go gradually. */
export class Holds {
  /** Told when a request waits for an empty pool. */
  onWake: (pool: string) => void = () => {};
  readonly #capacity: number;
  readonly #timeoutMs: number;
  readonly #queues = new Map<string, Set<Held>>();
  #releasing: NodeJS.Timeout | undefined;

  constructor(capacity: number, timeoutMs: number) {
    this.#capacity = capacity;
    this.#timeoutMs = timeoutMs;
  }

  wake(pool: string): void {
    this.onWake(pool);
  }

  /** Lets a request wait. False: the queue is full. It leaves the queue when its client leaves. */
  enter(queue: string, res: ClientAnswer, turns: { readonly resume: () => void; readonly expire: () => void }): boolean {
    const held = this.#queues.get(queue) ?? new Set<Held>();
    if (held.size >= this.#capacity) return false;
    this.#queues.set(queue, held);
    const leave = (): void => {
      held.delete(entry);
      clearTimeout(timer);
      if (held.size === 0 && this.#queues.get(queue) === held) this.#queues.delete(queue);
    };
    const entry: Held = { resume: turns.resume, leave };
    const timer = setTimeout(() => {
      leave();
      turns.expire();
    }, this.#timeoutMs);
    held.add(entry);
    res.once('close', leave);
    return true;
  }

  /**
   * After a new table: queues that it holds no longer are let go from their front, a few requests at a time. `held` is asked
   * again each time, so a new hold keeps the rest.
   */
  reconsider(held: (queue: string) => boolean): void {
    clearTimeout(this.#releasing);
    let more = false;
    for (const [queue, waiting] of this.#queues) {
      if (held(queue)) continue;
      let left = releasedAtOnce;
      for (const entry of waiting) {
        if (left-- === 0) break;
        entry.leave();
        entry.resume();
      }
      more ||= waiting.size > 0;
    }
    if (more) this.#releasing = setTimeout(() => this.reconsider(held), releaseEveryMs);
  }
}
