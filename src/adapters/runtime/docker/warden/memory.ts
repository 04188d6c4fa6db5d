import type { Engine } from '../../../../engine/client.ts';

/**
 * Memory of containers, bytes, without what the kernel only keeps because there is room: as `docker stats` shows it. What was seen before
 * is told at once, however long the engine takes to look again; only for a container never looked at is it waited for.
 */
export interface Memory {
  of(running: readonly { readonly id: string; readonly container: string }[]): Promise<Record<string, number>>;
}

interface Stats {
  readonly memory_stats?: {
    readonly usage?: number;
    readonly stats?: { readonly total_inactive_file?: number; readonly inactive_file?: number };
  };
}

interface Sample {
  /** When it was asked for. */
  readonly at: number;
  /** What is told meanwhile and, if the engine has no answer, afterwards. */
  readonly bytes: Promise<number | null>;
}

/** An answer this young is not asked for again. */
const freshMs = 2000;
const askMs = 5000;

export function openMemory(engine: Engine): Memory {
  const known = new Map<string, Sample>();
  const looking = new Set<string>();
  const ask = async (container: string): Promise<number | null> => {
    const query = { stream: false, 'one-shot': true };
    const answer = await engine.call<Stats>('GET', `/containers/${container}/stats`, { query, timeoutMs: askMs });
    if (!answer.ok) return null;
    const { usage, stats } = answer.body.memory_stats ?? {};
    return usage === undefined ? null : Math.max(0, usage - (stats?.total_inactive_file ?? stats?.inactive_file ?? 0));
  };
  const lookAgain = async (container: string): Promise<void> => {
    looking.add(container);
    const at = performance.now();
    const bytes = await ask(container).catch(() => null);
    looking.delete(container);
    if (bytes !== null && known.has(container)) known.set(container, { at, bytes: Promise.resolve(bytes) });
  };
  const sampleOf = (container: string): Sample => {
    const before = known.get(container);
    if (before) {
      if (performance.now() - before.at >= freshMs && !looking.has(container)) void lookAgain(container);
      return before;
    }
    const first = { at: performance.now(), bytes: ask(container).catch(() => null) };
    known.set(container, first);
    return first;
  };
  return {
    of: async (running) => {
      for (const container of known.keys()) if (!running.some((one) => one.container === container)) known.delete(container);
      const found = await Promise.all(running.map(async ({ id, container }) => [id, await sampleOf(container).bytes] as const));
      return Object.fromEntries(found.flatMap(([id, bytes]) => (bytes === null ? [] : [[id, bytes] as const])));
    },
  };
}
