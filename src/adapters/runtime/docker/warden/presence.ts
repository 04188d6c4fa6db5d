import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../../../engine/client.ts';
import type { Instance } from './instance.ts';

/** An engine that takes longer than this to say what it runs is away. */
const patienceMs = 3000;
/** The engine hears of the end of a process some time after its port has closed. */
const pauseMs = 25;

/**
 * Why the engine is not there; null: it is, and what it no longer runs has been taken in. Whoever asks after a failure is not told that
 * all is well because an event is still on its way.
 */
export async function whyAway(
  engine: Engine,
  of: { readonly homeId: string; readonly instances: () => readonly Pick<Instance, 'container' | 'hasJustEnded' | 'sync'>[] },
): Promise<string | null> {
  const deadline = performance.now() + patienceMs;
  try {
    const filters = { label: [`signalbox.installation=${of.homeId}`] };
    const answer = await engine.call<readonly { readonly Id: string }[]>('GET', '/containers/json', {
      query: { filters },
      timeoutMs: patienceMs,
    });
    if (!answer.ok) return answer.message;
    const running = new Set(answer.body.map(({ Id }) => Id));
    // Started since then, they are not in that list.
    const known = new Set(of.instances().flatMap((instance) => instance.container() ?? []));
    for (;;) {
      const over = of.instances().filter((instance) => {
        const container = instance.container();
        return container !== null && ((known.has(container) && !running.has(container)) || instance.hasJustEnded());
      });
      const left = deadline - performance.now();
      if (over.length === 0 || left <= 0) return null;
      await Promise.race([Promise.allSettled(over.map((instance) => instance.sync())), wait(left)]);
      await wait(pauseMs);
    }
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
