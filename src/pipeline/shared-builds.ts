/** One who waits for a build. */
export interface Waiting<Result> {
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
  readonly cancelled: () => Result;
  readonly build: (signal: AbortSignal, onLine: (line: string) => void) => Promise<Result>;
}

interface Running<Result> {
  readonly result: Promise<Result>;
  readonly listeners: Set<(line: string) => void>;
  readonly abort: AbortController;
  waiting: number;
  /** False while it waits for its turn. */
  begun: boolean;
}

/**
 * One build at a time; those who ask for the same one share it. Who cancels gets its answer at once; the build itself is only ended
 * when nobody waits for it any more.
 */
export class SharedBuilds<Result> {
  readonly #running = new Map<string, Running<Result>>();
  #last: Promise<unknown> = Promise.resolve();

  async run(key: string, waiting: Waiting<Result>): Promise<Result> {
    if (waiting.signal?.aborted === true) return waiting.cancelled();
    let running = this.#running.get(key);
    // One that is being cancelled is waited for and then built anew.
    while (running?.abort.signal.aborted === true) {
      await running.result.catch(() => undefined);
      running = this.#running.get(key);
    }
    const joined = running ?? this.#start(key, waiting);
    return this.#wait(joined, waiting);
  }

  #start(key: string, waiting: Waiting<Result>): Running<Result> {
    const listeners = new Set<(line: string) => void>();
    const abort = new AbortController();
    const before = this.#last;
    const running: Omit<Running<Result>, 'result'> = { listeners, abort, waiting: 0, begun: false };
    const result = (async () => {
      await before.catch(() => undefined);
      try {
        if (abort.signal.aborted) return waiting.cancelled();
        running.begun = true;
        return await waiting.build(abort.signal, (line) => {
          for (const listener of listeners) listener(line);
        });
      } finally {
        this.#running.delete(key);
      }
    })();
    this.#last = result;
    // Each of those who wait sees a failure; none of them may be left.
    result.catch(() => undefined);
    const whole = Object.assign(running, { result });
    this.#running.set(key, whole);
    return whole;
  }

  async #wait(running: Running<Result>, waiting: Waiting<Result>): Promise<Result> {
    running.waiting += 1;
    if (waiting.onLine !== undefined) running.listeners.add(waiting.onLine);
    let leave: (() => void) | undefined;
    const cancelled = new Promise<'cancelled'>((resolve) => {
      leave = () => resolve('cancelled');
      waiting.signal?.addEventListener('abort', leave, { once: true });
      if (waiting.signal?.aborted === true) leave();
    });
    try {
      const first = await Promise.race([running.result.then((result) => ({ result })), cancelled]);
      if (first !== 'cancelled') return first.result;
      if (running.waiting > 1) return waiting.cancelled();
      running.abort.abort();
      return running.begun ? await running.result : waiting.cancelled();
    } finally {
      running.waiting -= 1;
      if (leave !== undefined) waiting.signal?.removeEventListener('abort', leave);
      if (waiting.onLine !== undefined) running.listeners.delete(waiting.onLine);
    }
  }
}
