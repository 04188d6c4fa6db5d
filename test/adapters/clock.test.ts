import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, systemIds } from '../../src/adapters/clock/system/clock.ts';
import { instant } from '../../src/domain/values.ts';

const day = 86_400_000;
const { now } = Date;
afterEach(() => {
  Date.now = now;
});

/** What this process takes for the time of day jumps; the monotonic clock does not. */
const jump = (ms: number): void => {
  Date.now = () => now() + ms;
};

describe("the installation's clock", () => {
  test('goes on from the newest instant on record', () => {
    const clock = systemClock(instant(5_000_000));
    expect(clock.now()).toBeGreaterThanOrEqual(5_000_000);
    expect(clock.now()).toBeLessThan(5_000_000 + day / 2);
  });

  test.each([day, -day])('a jump of the wall clock by %i ms moves no deadline', (ms) => {
    const clock = systemClock(instant(0));
    const before = clock.now();
    jump(ms);
    const passed = clock.now() - before;
    expect(passed).toBeGreaterThanOrEqual(0);
    expect(passed).toBeLessThan(day / 2);
  });
});

describe('ids', () => {
  test('that are made later sort later, whatever the wall clock does', () => {
    const ids = systemIds();
    const made = [ids.next()];
    for (const ms of [0, -day, -day, day, 0]) {
      jump(ms);
      for (let i = 0; i < 2000; i += 1) made.push(ids.next());
    }
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });
});
