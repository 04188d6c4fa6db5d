import { after, type Instant, type Millis, millis } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Calls many back, each when it is due, in few rounds: those that wait as long as one that is due may go along with it. So all that is
 * looked at once a second soon goes together, and the machine wakes once for all of it: waking is most of what an idle look costs.
 */
export interface Rounds {
  /** Calls back once; the callback must not throw. Returns how to take it back. */
  join(place: Place): () => void;
}

export interface Place {
  /** Longest wait. */
  readonly wait: Millis;
  /** How much sooner it may be when it goes along with others; 0: not at all. */
  readonly early: Millis;
  readonly callback: () => void;
}

/** At most so many go in one round unless more are due: a long round would hold up everything else. */
const most = 50;

interface Passenger extends Place {
  readonly due: Instant;
}

export function openRounds(clock: Clock): Rounds {
  const waiting = new Set<Passenger>();
  let next: { readonly due: Instant; readonly cancel: () => void } | null = null;

  function go(): void {
    next = null;
    const now = clock.now();
    const due = [...waiting].filter((p) => p.due <= now);
    const waits = new Set(due.map((p) => p.wait));
    const along = [...waiting].filter((p) => p.due > now && p.due - p.early <= now && waits.has(p.wait));
    const round = [...due, ...along.slice(0, Math.max(0, most - due.length))];
    for (const passenger of round) waiting.delete(passenger);
    for (const { callback } of round) callback();
    plan();
  }

  function plan(): void {
    let first: Instant | null = null;
    for (const { due } of waiting) if (first === null || due < first) first = due;
    if (next !== null && next.due === first) return;
    next?.cancel();
    next = first === null ? null : { due: first, cancel: clock.after(millis(Math.max(0, first - clock.now())), go) };
  }

  return {
    join: (place) => {
      const passenger = { ...place, due: after(clock.now(), place.wait) };
      waiting.add(passenger);
      if (next === null || passenger.due < next.due) plan();
      return () => {
        if (waiting.delete(passenger) && passenger.due === next?.due) plan();
      };
    },
  };
}
