import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type Instant, instant, type Millis, type WallTime } from '../../../domain/values.ts';
import type { Clock, Ids } from '../../../ports/clock.ts';

/**
 * The installation's own time line: goes on from `base` (the newest instant on record) by the monotonic clock, so that neither a
 * jump of the wall clock nor the time in which nobody watched moves a deadline.
 */
export function systemClock(base: Instant): Clock {
  const began = performance.now();
  return {
    now: () => instant(Math.round(base + performance.now() - began)),
    wall: () => Date.now() as WallTime,
    after: (wait: Millis, callback: () => void) => {
      const timer = setTimeout(callback, Math.min(wait, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
  };
}

/** Ids are 9 characters of time, 2 of a counter and 5 of chance, base 36: they sort by creation. */
export function systemIds(): Ids {
  let lastTime = 0;
  let counter = 0;
  return {
    next: () => {
      // Never backwards: an id that is made later sorts later, whatever the wall clock does.
      const now = Math.max(Date.now(), lastTime);
      counter = now === lastTime ? counter + 1 : 0;
      lastTime = counter > 1295 ? now + 1 : now;
      if (counter > 1295) counter = 0;
      const chance = randomBytes(4).readUInt32BE() % 36 ** 5;
      return (
        lastTime.toString(36).padStart(9, '0') + counter.toString(36).padStart(2, '0') + chance.toString(36).padStart(5, '0')
      );
    },
    secret: () => randomBytes(24).toString('base64url'),
  };
}
