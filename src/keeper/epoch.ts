import { WireError } from '../wire/server.ts';
import { readJson, writeJson } from './state.ts';

/** Newest control plane seen; older ones are refused, also after a restart of the keeper. */
export interface SeenEpoch {
  /** @throws WireError STALE_EPOCH. */
  check(epoch: number): void;
  current(): number;
}

export function openEpoch(file: string): SeenEpoch {
  let seen = (readJson(file) as number | undefined) ?? 0;
  return {
    check: (epoch) => {
      if (epoch < seen)
        throw new WireError('STALE_EPOCH', `A control plane of epoch ${seen} has taken over from epoch ${epoch}.`);
      if (epoch === seen) return;
      seen = epoch;
      try {
        writeJson(file, seen);
      } catch {
        // With a full disk the fence holds as long as this keeper lives.
      }
    },
    current: () => seen,
  };
}
