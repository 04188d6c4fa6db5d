import { settled } from './listening.ts';

/** Lets each start when those it needs have come up, or have had their time. */
export interface Wave {
  /** Resolves when it may start. */
  turnOf(name: string): Promise<void>;
  done(name: string): void;
  /** Nobody waits any longer. */
  giveUp(): void;
}

export function openWave<One extends { readonly name: string }>(
  order: readonly One[],
  given: { readonly after: (one: One) => readonly string[]; readonly patienceMs: number },
): Wave {
  const ends = new Map(order.map((one) => [one.name, settled()]));
  const over = settled();
  return {
    turnOf: async (name) => {
      const index = order.findIndex((one) => one.name === name);
      const one = order[index];
      // Only those before it: a circle would wait for itself.
      const earlier = order.slice(0, Math.max(0, index));
      const needed = one === undefined ? [] : given.after(one);
      const before = earlier.filter((other) => needed.includes(other.name));
      const all = Promise.all(before.map((other) => ends.get(other.name)?.promise ?? Promise.resolve()));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, given.patienceMs);
      });
      await Promise.race([all, late, over.promise]);
      clearTimeout(timer);
    },
    done: (name) => ends.get(name)?.settle(),
    giveUp: () => over.settle(),
  };
}
