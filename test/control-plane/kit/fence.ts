import { SignalboxError } from '../../../src/domain/errors.ts';
import type { Epoch } from '../../../src/domain/values.ts';

/** What data plane and runtime both do: remember the highest epoch and refuse whoever comes with a lower one. */
export class Fence {
  highest = 0;
  refused = 0;

  check(epoch: Epoch): void {
    if (epoch < this.highest) {
      this.refused += 1;
      throw new SignalboxError('STALE_EPOCH', `Epoch ${epoch} is over; ${this.highest} has taken its place.`);
    }
    this.highest = epoch;
  }
}

/** Positions that the interlocking must make impossible; a test fails when there is one. */
export class Violations {
  readonly list: string[] = [];

  add(violation: string): void {
    this.list.push(violation);
  }
}
