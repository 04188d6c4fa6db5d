import type { HistogramData } from './contract.ts';

/** Buckets per doubling: a percentile is at most 4.5 % above the true value. */
const perOctave = 16;
const smallestMs = 0.001;
const octaves = 28;

/** Counts durations from a microsecond to some minutes in constant memory. */
export class Histogram {
  readonly #buckets = new Float64Array(perOctave * octaves);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  static from(...parts: readonly HistogramData[]): Histogram {
    const all = new Histogram();
    for (const part of parts) {
      for (const [index, count] of part.buckets) all.#buckets[index] = (all.#buckets[index] ?? 0) + count;
      all.#count += part.count;
      all.#sumMs += part.sumMs;
      all.#maxMs = Math.max(all.#maxMs, part.maxMs);
    }
    return all;
  }

  record(ms: number): void {
    const index = Math.floor(Math.log2(Math.max(ms, smallestMs) / smallestMs) * perOctave);
    const bucket = Math.min(index, this.#buckets.length - 1);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  get count(): number {
    return this.#count;
  }

  /** @param share 0 to 1. @returns the upper bound of its bucket in ms, never above the largest value; 0 when empty. */
  percentile(share: number): number {
    const wanted = Math.ceil(this.#count * share);
    let seen = 0;
    for (let index = 0; index < this.#buckets.length; index += 1) {
      seen += this.#buckets[index] ?? 0;
      if (seen >= wanted && seen > 0) return Math.min(smallestMs * 2 ** ((index + 1) / perOctave), this.#maxMs);
    }
    return this.#maxMs;
  }

  data(): HistogramData {
    const buckets: [number, number][] = [];
    for (const [index, count] of this.#buckets.entries()) if (count > 0) buckets.push([index, count]);
    return { count: this.#count, sumMs: this.#sumMs, maxMs: this.#maxMs, buckets };
  }
}
