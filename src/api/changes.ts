/** Lets streams sleep until something was committed, without missing what happens between two looks. */
export interface Changes {
  /** Take one before looking. */
  ticket(): number;
  /** Resolves when something changed after the ticket was taken, when it is time to look anyway, or when the signal aborts. */
  after(ticket: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** @param pollMs longest sleep: also without any news the store is looked at. */
export function followChanges(subscribe: ((listener: () => void) => () => void) | undefined, pollMs: number): Changes {
  let count = 0;
  const sleepers = new Set<() => void>();
  const wake = (): void => {
    count += 1;
    for (const sleeper of sleepers) sleeper();
  };
  const unsubscribe = subscribe?.(wake);
  return {
    ticket: () => count,
    after: (ticket, signal) =>
      new Promise((resolve) => {
        if (count !== ticket || signal.aborted) {
          resolve();
          return;
        }
        const done = (): void => {
          clearTimeout(timer);
          sleepers.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, pollMs);
        sleepers.add(done);
        signal.addEventListener('abort', done);
      }),
    close: () => {
      unsubscribe?.();
      wake();
    },
  };
}
