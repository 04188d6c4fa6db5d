import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WallTime } from '../../src/domain/values.ts';
import { closureAt, type DeploySchedule, type DeployWindow, isOpen, nextOpening, openingText } from '../../src/domain/windows.ts';
import { instantsOf, localTime, zonedText } from '../../src/domain/zoned-time.ts';

const at = (iso: string): WallTime => Date.parse(iso) as WallTime;
const weekdays = [1, 2, 3, 4, 5];
const everyDay = [0, 1, 2, 3, 4, 5, 6];
const clock = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
const window = (from: string, to: string, more: Partial<DeployWindow> = {}): DeployWindow => ({
  days: weekdays,
  from: clock(from),
  to: clock(to),
  zone: 'Europe/Berlin',
  ...more,
});
const only = (...windows: DeployWindow[]): DeploySchedule => ({ windows, freezes: [] });
const christmas = { from: '2026-12-20', to: '2027-01-02', reason: 'holidays', zone: 'Europe/Berlin' };
const minute = 60_000;

describe('windows for deploys', () => {
  it('are open by the clocks of their zone, in winter and in summer', () => {
    const office = only(window('09:00', '16:00'));
    // Monday; Berlin is an hour ahead of UTC in winter, two in summer.
    expect(isOpen(office, at('2026-11-23T07:59:59Z'))).toBe(false);
    expect(isOpen(office, at('2026-11-23T08:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-11-23T14:59:59Z'))).toBe(true);
    expect(isOpen(office, at('2026-11-23T15:00:00Z'))).toBe(false);
    expect(isOpen(office, at('2026-07-06T07:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-07-06T14:00:00Z'))).toBe(false);
    expect(isOpen(office, at('2026-11-22T10:00:00Z'))).toBe(false);
  });

  it('that cross midnight belong to the day on which they begin', () => {
    const night = only(window('22:00', '02:00', { days: [5], zone: 'UTC' }));
    expect(isOpen(night, at('2026-11-27T22:00:00Z'))).toBe(true);
    expect(isOpen(night, at('2026-11-28T01:59:00Z'))).toBe(true);
    expect(isOpen(night, at('2026-11-28T02:00:00Z'))).toBe(false);
    expect(isOpen(night, at('2026-11-27T01:00:00Z'))).toBe(false);
    expect(isOpen(night, at('2026-11-28T22:30:00Z'))).toBe(false);
  });

  it('a freeze closes whole days of its zone, also within a window, and names its reason', () => {
    const schedule: DeploySchedule = { windows: [window('09:00', '16:00')], freezes: [christmas] };
    expect(isOpen(schedule, at('2026-12-18T10:00:00Z'))).toBe(true);
    expect(isOpen(schedule, at('2026-12-21T10:00:00Z'))).toBe(false);
    const closure = closureAt([schedule], at('2026-12-21T10:00:00Z'));
    expect(closure?.because).toContain('holidays');
    // The second of January is a Saturday.
    expect(closure && openingText(closure)).toBe('the next window opens Mon 4 Jan 2027, 09:00 Europe/Berlin');
    const freezeOnly: DeploySchedule = { windows: [], freezes: [christmas] };
    expect(nextOpening([freezeOnly], at('2026-12-21T10:00:00Z'))).toBe(at('2027-01-02T23:00:00Z'));
    expect(isOpen(freezeOnly, at('2026-12-19T22:59:59Z'))).toBe(true);
    expect(isOpen(freezeOnly, at('2026-12-19T23:00:00Z'))).toBe(false);
  });

  it('over clocks that are put forward open as soon as those show a time within', () => {
    // On 29 March 2026 clocks in Berlin go from 02:00 to 03:00 at 01:00 UTC.
    const schedule = only(window('02:30', '04:00', { days: everyDay }));
    expect(isOpen(schedule, at('2026-03-29T00:59:59Z'))).toBe(false);
    expect(isOpen(schedule, at('2026-03-29T01:00:00Z'))).toBe(true);
    expect(nextOpening([schedule], at('2026-03-29T00:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
    const lost = only(window('02:00', '03:00', { days: [0] }));
    expect(nextOpening([lost], at('2026-03-28T12:00:00Z'))).toBe(at('2026-04-05T00:00:00Z'));
  });

  it('over clocks that are put back open twice', () => {
    // On 25 October 2026 clocks in Berlin go from 03:00 back to 02:00 at 01:00 UTC.
    const schedule = only(window('02:00', '02:30', { days: [0] }));
    expect(isOpen(schedule, at('2026-10-25T00:15:00Z'))).toBe(true);
    expect(isOpen(schedule, at('2026-10-25T00:45:00Z'))).toBe(false);
    expect(isOpen(schedule, at('2026-10-25T01:15:00Z'))).toBe(true);
    expect(nextOpening([schedule], at('2026-10-25T00:45:00Z'))).toBe(at('2026-10-25T01:00:00Z'));
    // What ends between the two comes back with the clocks alone.
    const around = only(window('01:00', '02:15', { days: [0] }));
    expect(nextOpening([around], at('2026-10-25T00:30:00Z'))).toBe(at('2026-10-25T01:00:00Z'));
  });

  it('of several schedules all have to be open, and one that never opens is told as that', () => {
    const morning = only(window('08:00', '12:00', { zone: 'UTC' }));
    const late = only(window('11:00', '18:00', { zone: 'UTC' }));
    expect(closureAt([morning, late], at('2026-11-23T09:00:00Z'))).toMatchObject({ next: at('2026-11-23T11:00:00Z') });
    expect(closureAt([morning, late], at('2026-11-23T11:30:00Z'))).toBeNull();
    const never = closureAt([morning, only(window('13:00', '14:00', { zone: 'UTC' }))], at('2026-11-23T09:00:00Z'));
    expect(never?.next).toBeNull();
    expect(never && openingText(never)).toBe('no window opens within 400 days');
    expect(closureAt([], at('2026-11-23T09:00:00Z'))).toBeNull();
  });

  it('the next opening is the first minute that is open, whatever the windows, freezes and clocks', () => {
    const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago', 'Asia/Kathmandu', 'UTC'];
    // Days on which the clocks of one of them change, and one on which none do.
    const starts = [
      '2026-03-28',
      '2026-10-24',
      '2026-03-07',
      '2026-10-31',
      '2026-04-04',
      '2026-10-03',
      '2026-09-05',
      '2026-11-23',
    ];
    const someWindow = fc.record({
      days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }),
      from: fc.integer({ min: 0, max: 1439 }),
      to: fc.integer({ min: 1, max: 1440 }),
      zone: fc.constantFrom(...zones),
    });
    const someFreeze = fc
      .record({ start: fc.constantFrom(...starts), days: fc.integer({ min: 0, max: 1 }), zone: fc.constantFrom(...zones) })
      .map(({ start, days, zone }) => ({
        from: start,
        to: new Date(Date.parse(start) + days * 1440 * minute).toISOString().slice(0, 10),
        reason: 'x',
        zone,
      }));
    const property = fc.property(
      fc.array(fc.record({ windows: fc.array(someWindow, { maxLength: 2 }), freezes: fc.array(someFreeze, { maxLength: 1 }) }), {
        minLength: 1,
        maxLength: 2,
      }),
      fc.constantFrom(...starts),
      fc.integer({ min: 0, max: 2 * 1440 }),
      (schedules, day, minutes) => {
        const now = (Date.parse(day) + minutes * minute) as WallTime;
        const open = (when: number): boolean => schedules.every((one) => isOpen(one, when as WallTime));
        let first: number | null = null;
        for (let n = 1; n <= 2 * 1440 && first === null; n++) {
          const opens = open(now + n * minute) && !open(now + (n - 1) * minute);
          if (opens) first = now + n * minute;
        }
        if (!open(now) && first !== null) expect(nextOpening(schedules, now)).toBe(first);
        else if (!open(now)) expect(nextOpening(schedules, now) ?? Infinity).toBeGreaterThan(now + 2 * 1440 * minute);
      },
    );
    fc.assert(property, { numRuns: 60 });
  }, 120_000);
});

describe('clocks of zones', () => {
  it('every zone there is shows each of its times at the instants found for it', () => {
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      for (const iso of ['2026-01-15T12:34:00Z', '2026-03-29T01:30:00Z', '2026-07-01T23:59:00Z', '2026-11-01T06:30:00Z']) {
        const now = at(iso);
        expect(instantsOf(localTime(now, zone), zone), `${zone} ${iso}`).toContain(now);
      }
    }
  });

  it('a time that clocks skip is the instant of the change, also where a whole day is skipped', () => {
    // 2026-03-29 is day 20541 since 1970.
    expect(instantsOf({ day: 20_541, minute: 150 }, 'Europe/Berlin')).toEqual([at('2026-03-29T01:00:00Z')]);
    // Samoa had no 30 December 2011.
    const skipped = Date.UTC(2011, 11, 30) / 86_400_000;
    expect(instantsOf({ day: skipped, minute: 720 }, 'Pacific/Apia')).toEqual([at('2011-12-30T10:00:00Z')]);
  });

  it('is written for people', () => {
    expect(zonedText(at('2026-11-23T08:00:00Z'), 'Europe/Berlin')).toBe('Mon 23 Nov 2026, 09:00 Europe/Berlin');
    expect(zonedText(at('2026-11-22T20:15:00Z'), 'Asia/Kathmandu')).toBe('Mon 23 Nov 2026, 02:00 Asia/Kathmandu');
  });
});
