import type { InstanceUsage } from '../../../keeper/protocol.ts';

/** How long a program may listen elsewhere only before PORT counts as ignored: some open a side port first, ms. */
const patienceMs = 3000;
const eagerMs = 250;
const lazyMs = 2000;
/** From this age on an instance that listens nowhere is looked at rarely, ms. */
const lazyAfterMs = 60_000;

export interface FaultWatch {
  /** Watches a started instance until it listens on its port or was found to ignore it. */
  expect(id: string, port: number): void;
  forget(id: string): void;
  close(): void;
}

export interface FaultWatchOptions {
  readonly inspect: (ids: readonly string[]) => Promise<readonly InstanceUsage[]>;
  /** It listens, though not where it was told to. */
  readonly onIgnored: (id: string, listening: InstanceUsage['listening']) => void;
  readonly onListening: (id: string) => void;
}

export function openFaultWatch({ inspect, onIgnored, onListening }: FaultWatchOptions): FaultWatch {
  const expected = new Map<string, { port: number; since: number; elsewhereSince: number | null }>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const look = async (): Promise<void> => {
    const now = performance.now();
    for (const { id, listening } of await inspect([...expected.keys()])) {
      const entry = expected.get(id);
      if (!entry) continue;
      if (listening.some(({ port }) => port === entry.port)) {
        expected.delete(id);
        onListening(id);
      } else if (listening.length === 0) {
        entry.elsewhereSince = null;
      } else {
        entry.elsewhereSince ??= now;
        if (now - entry.elsewhereSince < patienceMs) continue;
        expected.delete(id);
        onIgnored(id, listening);
      }
    }
  };
  const schedule = (): void => {
    if (timer || closed || expected.size === 0) return;
    const now = performance.now();
    const eager = [...expected.values()].some(
      ({ since, elsewhereSince }) => elsewhereSince !== null || now - since < lazyAfterMs,
    );
    timer = setTimeout(
      () => {
        look()
          .catch(() => {}) // The keeper is away for a moment: the next look tells.
          .finally(() => {
            timer = undefined;
            schedule();
          });
      },
      eager ? eagerMs : lazyMs,
    );
  };
  return {
    expect: (id, port) => {
      expected.set(id, { port, since: performance.now(), elsewhereSince: null });
      schedule();
    },
    forget: (id) => void expected.delete(id),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
