import type { ArmCounter, Counters } from './counts.ts';

/** What one request adds to the counts of the release that it was routed to; candidate requests and links add nothing. */
export class Tally {
  readonly #counter: ArmCounter | undefined;
  readonly #counters: Counters;
  readonly #startedAt = performance.now();
  #errorCounted = false;
  /** Another release than the one that was asked answers; the first keeps the blame, the other one is not judged by it. */
  #rescued = false;

  constructor(counter: ArmCounter | undefined, counters: Counters) {
    this.#counter = counter;
    this.#counters = counters;
    if (!counter) return;
    counter.requests += 1;
    counter.inFlight += 1;
  }

  /** The head of an answer is there. @returns whether it is one that the release is judged by. */
  answered(status: number): boolean {
    if (!this.#counter || this.#rescued) return false;
    this.#counter.answered(status, performance.now() - this.#startedAt);
    return true;
  }

  /** What a gate counts against the release; once per request. */
  error(): void {
    if (!this.#counter || this.#errorCounted || this.#rescued) return;
    this.#errorCounted = true;
    this.#counter.errors += 1;
    this.#counters.onError();
  }

  dropped(): void {
    if (this.#counter) this.#counter.dropped += 1;
  }

  resent(): void {
    if (this.#counter && !this.#rescued) this.#counter.resent += 1;
  }

  rescued(): void {
    if (this.#counter && !this.#rescued) this.#counter.rescued += 1;
    this.#rescued = true;
  }

  /** Nothing is under way any more. */
  ended(): void {
    if (this.#counter) this.#counter.inFlight -= 1;
  }
}
