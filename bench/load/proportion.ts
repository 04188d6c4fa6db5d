/** Chooses in exact proportion to the weights over any stretch of choices, and always in the same order. */
export class Proportion<Item extends { readonly weight: number }> {
  readonly #entries: { readonly item: Item; credit: number }[];
  readonly #total: number;

  /** @throws RangeError without an item of a weight above 0. */
  constructor(items: readonly Item[]) {
    this.#entries = items.filter((item) => item.weight > 0).map((item) => ({ item, credit: 0 }));
    this.#total = this.#entries.reduce((sum, entry) => sum + entry.item.weight, 0);
    if (this.#entries.length === 0) throw new RangeError('a mix needs at least one item of a weight above 0');
  }

  next(): Item {
    let best = this.#entries[0]!;
    for (const entry of this.#entries) {
      entry.credit += entry.item.weight;
      if (entry.credit > best.credit) best = entry;
    }
    best.credit -= this.#total;
    return best.item;
  }
}

/** True for this share of the calls, evenly spread. */
export function everyShare(share: number): () => boolean {
  let credit = 0;
  return () => {
    credit += share;
    if (credit < 1 - 1e-9) return false;
    credit -= 1;
    return true;
  };
}
