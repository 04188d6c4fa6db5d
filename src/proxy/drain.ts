import type { PoolState } from './pools.ts';
import type { DrainResult } from './protocol.ts';

/** How long what was cut may take to wind up (a close frame's answer, an event's end). */
const windUpMs = 2_500;

/** Waits until what is in flight to the pool now has ended; at the deadline ends the rest. Later requests are not its business. */
export function drain(pool: PoolState | undefined, deadlineMs: number): Promise<DrainResult> {
  if (!pool || pool.active.size === 0) return Promise.resolve({ finished: 0, cut: 0 });
  const waitedFor = [...pool.active];
  return new Promise((resolve) => {
    let cut = 0;
    let windUp: NodeJS.Timeout | undefined;
    const done = (): void => {
      clearTimeout(deadline);
      clearTimeout(windUp);
      pool.onRelease.delete(check);
      resolve({ finished: waitedFor.length - cut, cut });
    };
    const check = (): void => {
      if (!waitedFor.some((work) => pool.active.has(work))) done();
    };
    const deadline = setTimeout(() => {
      windUp = setTimeout(done, windUpMs);
      const left = waitedFor.filter((work) => pool.active.has(work));
      cut = left.length;
      for (const work of left) work.cut();
      check();
    }, deadlineMs);
    pool.onRelease.add(check);
  });
}
