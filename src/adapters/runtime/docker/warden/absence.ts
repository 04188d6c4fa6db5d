import type { Engine } from '../../../../engine/client.ts';

/** A time in which the engine was not there, wall clock, ms. */
export interface Absence {
  readonly from: number;
  /** Infinity: it is away still. */
  readonly until: number;
}

/**
 * Whether an end that is found now, and was not told, is the engine's doing. An engine closes its API first and its events last, with
 * many seconds in between in which containers end; of ends that it still told us nothing is left to be found.
 */
export const isEnginesDoing = (
  absence: Absence | null,
  life: { readonly startedAt: number | null; readonly finishedAt: number | null },
): boolean =>
  absence !== null && life.finishedAt !== null && life.finishedAt <= absence.until && (life.startedAt ?? 0) < absence.from;

/**
 * Whether an end from before this warden watched was told by the engine that runs now: it remembers its newest few hundred events, and
 * nothing from before it was started itself. One that it does not know of came with the end of the engine before it. @throws EngineError
 */
export async function wasTold(engine: Engine, container: string, finishedAt: number): Promise<boolean> {
  const now = Date.now();
  const since = (Math.min(finishedAt, now) - slackMs) / 1000;
  const filters = { container: [container], event: ['die'] };
  const answer = await engine.call('GET', '/events', {
    query: { since: since.toFixed(3), until: (now / 1000).toFixed(3), filters },
  });
  return answer.ok && answer.body !== null;
}

/** Between an end and its being told. */
const slackMs = 2000;
