import { beforeEach, describe, expect, it } from 'vitest';
import { instant, millis } from '../../src/domain/values.ts';
import { openRounds, type Rounds } from '../../src/monitor/rounds.ts';
import { clockOf, ManualTime } from '../control-plane/kit/time.ts';

let time: ManualTime;
let rounds: Rounds;
/** What was called, with when. */
let calls: { readonly name: string; readonly at: number }[];
let wakes: number;

beforeEach(() => {
  time = new ManualTime();
  const clock = clockOf(time, { dead: false }, instant(0));
  calls = [];
  wakes = 0;
  rounds = openRounds({
    ...clock,
    after: (wait, callback) =>
      clock.after(wait, () => {
        wakes += 1;
        callback();
      }),
  });
});

const began = 1000;
const join = (name: string, wait: number, early = 0): (() => void) =>
  rounds.join({ wait: millis(wait), early: millis(early), callback: () => void calls.push({ name, at: time.now - began }) });

/** Looks for ever, each time `interval` after the last look has taken `takes`. */
function keepLooking(name: string, what: { readonly interval: number; readonly takes?: number; readonly first?: number }): void {
  const look = (): void => {
    calls.push({ name, at: time.now - began });
    time.after(what.takes ?? 0, () =>
      rounds.join({ wait: millis(what.interval), early: millis(what.interval / 2), callback: look }),
    );
  };
  rounds.join({ wait: millis(what.first ?? 0), early: millis(0), callback: look });
}

describe('rounds', () => {
  it('who shares no round is called when due, neither sooner nor later', async () => {
    join('a', 100);
    join('b', 30);
    join('c', 100, 50);
    await time.pass(200);
    expect(calls).toEqual([
      { name: 'b', at: 30 },
      { name: 'a', at: 100 },
      { name: 'c', at: 100 },
    ]);
  });

  it('routine looks of one interval come together and then wake the machine once each interval', async () => {
    for (let n = 0; n < 20; n += 1) keepLooking(`${n}`, { interval: 1000, takes: n % 4, first: n * 49 });
    await time.pass(5000);
    wakes = 0;
    calls = [];
    await time.pass(10_000);
    expect(wakes).toBeLessThanOrEqual(11);
    expect(calls.length).toBeGreaterThanOrEqual(190);
  });

  it('no look comes later than its interval, nor sooner than half of it, whoever it goes with', async () => {
    const intervals = [400, 1000, 1000, 1000, 3000];
    intervals.forEach((interval, n) => keepLooking(`${n}`, { interval, takes: n * 120, first: n * 77 }));
    await time.pass(30_000);
    intervals.forEach((interval, n) => {
      const times = calls.filter(({ name }) => name === `${n}`).map(({ at }) => at);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0) - n * 120);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(interval);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(interval / 2);
    });
  });

  it('who has another interval does not go along: a fast one does not make a slow one faster', async () => {
    keepLooking('slow', { interval: 1000 });
    keepLooking('fast', { interval: 600 });
    await time.pass(30_500);
    expect(calls.filter(({ name }) => name === 'slow')).toHaveLength(31);
  });

  it('a round is bounded: beyond it only those go that are due', async () => {
    join('first', 1000, 500);
    await time.pass(10);
    for (let n = 0; n < 200; n += 1) join(`${n}`, 1000, 500);
    await time.pass(995);
    expect(calls).toHaveLength(50);
    await time.pass(20);
    expect(calls).toHaveLength(201);
  });

  it('who is taken back is not called, and does not wake anybody', async () => {
    const [first, second] = [join('a', 100), join('b', 100)];
    join('c', 150);
    first();
    second();
    await time.pass(200);
    expect(calls).toEqual([{ name: 'c', at: 150 }]);
    expect(wakes).toBe(1);
  });
});
