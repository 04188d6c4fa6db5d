import type { Clock, Ids } from '../../../src/ports/clock.ts';
import { type Instant, instant, type WallTime } from '../../../src/domain/values.ts';

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly ring: () => void;
}

/** Time that passes only when it is told to. What promises have set in motion is over before the next alarm rings. */
export class ManualTime {
  now = 1000;
  /** What the wall clock says beyond the time that has really passed. */
  wallJump = 0;
  #order = 0;
  #alarms = new Set<Alarm>();

  after(wait: number, ring: () => void): () => void {
    const alarm = { at: this.now + Math.max(0, wait), order: this.#order++, ring };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  sleep(wait: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(wait, resolve);
    });
  }

  /** Goes on to the next alarm and rings it. */
  async step(): Promise<void> {
    await quiet();
    let next: Alarm | undefined;
    for (const a of this.#alarms) if (!next || a.at < next.at || (a.at === next.at && a.order < next.order)) next = a;
    if (!next) throw new Error('Nothing will ever happen again.');
    this.#alarms.delete(next);
    this.now = Math.max(this.now, next.at);
    next.ring();
    await quiet();
  }

  /** Lets `span` milliseconds pass. */
  async pass(span: number): Promise<void> {
    let over = false;
    this.after(span, () => {
      over = true;
    });
    while (!over) await this.step();
  }
}

/** Resolves when no promise has anything left to do. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The clock of one control plane; once that is dead its alarms are silent. */
export function clockOf(time: ManualTime, life: { readonly dead: boolean }, base: Instant): Clock {
  const began = time.now;
  return {
    now: () => instant(base + time.now - began),
    wall: () => (1_700_000_000_000 + time.now + time.wallJump) as WallTime,
    after: (wait, callback) =>
      time.after(wait, () => {
        if (!life.dead) callback();
      }),
  };
}

/** Ids sort by creation over all control planes of an installation. */
export function countedIds(): Ids {
  let made = 0;
  return {
    next: () => `r${String(++made).padStart(6, '0')}`,
    secret: () => `secret-${++made}`,
  };
}
