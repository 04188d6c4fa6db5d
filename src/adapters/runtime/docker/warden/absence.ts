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
