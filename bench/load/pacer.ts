export interface Pace {
  readonly mode: 'open' | 'closed';
  /** Requests per second; undefined is unlimited. */
  readonly rate: number | undefined;
  readonly count: number | undefined;
}

/** A closed loop that has fallen behind its rate catches up on at most this much. */
const longestCatchUpMs = 250;

/** Hands out the instants at which requests are due. */
export class Pacer {
  readonly #pace: Pace;
  readonly #startedAt: number;
  #skippedMs = 0;
  #issued = 0;
  #paced = 0;

  /** @throws RangeError for an open loop without a rate. */
  constructor(pace: Pace, now: number) {
    if (pace.mode === 'open' && pace.rate === undefined) throw new RangeError('an open loop needs a rate');
    this.#pace = pace;
    this.#startedAt = now;
  }

  /** @returns when the next request is due on the clock of `now` (ms), undefined when all have been handed out. */
  next(now: number): number | undefined {
    if (this.#pace.count !== undefined && this.#issued >= this.#pace.count) return undefined;
    this.#issued += 1;
    if (this.#pace.rate === undefined) return now;
    const due = this.#startedAt + this.#skippedMs + (this.#paced * 1000) / this.#pace.rate;
    this.#paced += 1;
    const late = now - due;
    if (this.#pace.mode === 'closed' && late > longestCatchUpMs) {
      this.#skippedMs += late;
      return now;
    }
    return due;
  }
}
