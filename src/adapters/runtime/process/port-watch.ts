import type { InstanceUsage } from '../../../keeper/protocol.ts';
import { answers } from '../../../wire/answers.ts';

/** How long a program may listen elsewhere only before PORT counts as ignored: some open a side port first, ms. */
const patienceMs = 3000;
/** Pauses between looks by the age of the youngest instance that does not listen yet, ms. */
const pauses = [
  { below: 5000, ms: 50 },
  { below: 60_000, ms: 250 },
] as const;
const lazyMs = 2000;
/** A look at every process of the machine is dear: as long as nobody answers at any expected port there is one in this time, ms. */
const fullEveryMs = 250;

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface PortWatch {
  /** Watches a started instance until it listens on its port or was found to ignore it. */
  expect(id: string, address: Address): void;
  forget(id: string): void;
  /** Looks now. Resolves when all that listen at this moment are known to; rejects when the keeper cannot be asked. */
  look(): Promise<void>;
  close(): void;
}

export interface PortWatchOptions {
  readonly inspect: (ids: readonly string[]) => Promise<readonly InstanceUsage[]>;
  /** It listens, though not where it was told to. */
  readonly onIgnored: (id: string, listening: InstanceUsage['listening']) => void;
  /** Its own processes hold the port, as far as anybody may look. */
  readonly onListening: (id: string) => void;
}

interface Expected extends Address {
  readonly since: number;
  elsewhereSince: number | null;
}

/**
 * Who listens on an instance's port: the instance itself, or somebody else who was quicker. Answers of a stranger must not pass for
 * the instance's.
 */
export function openPortWatch({ inspect, onIgnored, onListening }: PortWatchOptions): PortWatch {
  const expected = new Map<string, Expected>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  let fullAt = 0;
  const glance = async (): Promise<void> => {
    const due = performance.now() - fullAt >= fullEveryMs;
    if (due || (await Promise.all([...expected.values()].map((at) => answers({ ...at, withinMs: fullEveryMs })))).includes(true))
      await look();
  };
  const look = async (): Promise<void> => {
    if (expected.size === 0) return;
    fullAt = performance.now();
    const asked = new Map(expected);
    const now = performance.now();
    for (const { id, listening, opaque } of await inspect([...asked.keys()])) {
      const entry = asked.get(id);
      // Another life of it began meanwhile: what was seen may have been the old one's.
      if (!entry || expected.get(id) !== entry) continue;
      if (opaque || listening.some(({ port }) => port === entry.port)) {
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
    const age = Math.min(...[...expected.values()].map(({ since }) => now - since));
    const pause = pauses.find(({ below }) => age < below)?.ms ?? lazyMs;
    timer = setTimeout(() => {
      glance()
        .catch(() => {}) // The keeper is away for a moment: the next look tells.
        .finally(() => {
          timer = undefined;
          schedule();
        });
    }, pause);
  };
  return {
    expect: (id, address) => {
      expected.set(id, { ...address, since: performance.now(), elsewhereSince: null });
      schedule();
    },
    forget: (id) => void expected.delete(id),
    look,
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
