export type SequenceFault = { readonly kind: 'sequence-gap' | 'sequence-repeat'; readonly detail: string };

/** Follows the numbers of one stream, which go on across reconnections. One gap or one repeated number is one fault. */
export class Sequence {
  #last = 0;

  get next(): number {
    return this.#last + 1;
  }

  get last(): number {
    return this.#last;
  }

  take(number: number): SequenceFault | undefined {
    const expected = this.#last + 1;
    if (number === expected) {
      this.#last = number;
      return undefined;
    }
    if (number > expected) {
      this.#last = number;
      return { kind: 'sequence-gap', detail: `${number} after ${expected - 1}` };
    }
    return { kind: 'sequence-repeat', detail: `${number} again, ${expected} was next` };
  }
}
