import type { Engine } from '../../../../engine/client.ts';

/** Memory of containers, bytes, without what the kernel only keeps because there is room: as `docker stats` shows it. */
export interface Memory {
  of(running: readonly { readonly id: string; readonly container: string }[]): Promise<Record<string, number>>;
}

interface Stats {
  readonly memory_stats?: {
    readonly usage?: number;
    readonly stats?: { readonly total_inactive_file?: number; readonly inactive_file?: number };
  };
}

/** An answer this young is given again. */
const freshMs = 2000;
const askMs = 5000;

export function openMemory(engine: Engine): Memory {
  const known = new Map<string, { readonly at: number; readonly bytes: Promise<number | null> }>();
  const ask = async (container: string): Promise<number | null> => {
    const query = { stream: false, 'one-shot': true };
    const answer = await engine.call<Stats>('GET', `/containers/${container}/stats`, { query, timeoutMs: askMs });
    if (!answer.ok) return null;
    const { usage, stats } = answer.body.memory_stats ?? {};
    return usage === undefined ? null : Math.max(0, usage - (stats?.total_inactive_file ?? stats?.inactive_file ?? 0));
  };
  return {
    of: async (running) => {
      const now = performance.now();
      for (const container of known.keys()) if (!running.some((one) => one.container === container)) known.delete(container);
      const found = await Promise.all(
        running.map(async ({ id, container }) => {
          const before = known.get(container);
          const sample = before && now - before.at < freshMs ? before : { at: now, bytes: ask(container).catch(() => null) };
          known.set(container, sample);
          return [id, await sample.bytes] as const;
        }),
      );
      return Object.fromEntries(found.flatMap(([id, bytes]) => (bytes === null ? [] : [[id, bytes] as const])));
    },
  };
}
