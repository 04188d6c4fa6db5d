import { z } from 'zod';
import type { DeploySchedule } from '../domain/windows.ts';
import { dayOf } from '../domain/windows.ts';
import { isZone } from '../domain/zoned-time.ts';
import { nearest } from './nearest.ts';
import type { Report } from './references.ts';

/** Keys of an environment that say when it takes deploys. */

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const daysError = 'days such as mon-fri, sat, or [mon, wed, fri]';
const dayPattern = /^(?:sun|mon|tue|wed|thu|fri|sat)(?:-(?:sun|mon|tue|wed|thu|fri|sat))?$/;
const dayOrSpan = () => z.string({ error: daysError }).regex(dayPattern, { error: daysError });

const clockError = 'a time of the day such as 09:00, from 00:00 to 24:00';
const clock = () => z.string({ error: clockError }).regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, { error: clockError });

const dateError = 'a date such as 2026-12-20';
const date = () =>
  z
    .string({ error: dateError })
    .regex(/^\d{4}-\d{2}-\d{2}$/, { error: dateError })
    .refine((value) => isDate(value), { error: dateError });
const isDate = (value: string): boolean => {
  const at = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value);
};

const zoneError = 'a time zone such as Europe/Berlin or UTC';
const zone = () =>
  z
    .string({ error: zoneError })
    .min(1, { error: zoneError })
    .max(64, { error: zoneError })
    .default('UTC')
    .meta({ description: 'Time zone of its times, such as Europe/Berlin. Default: UTC.' });

const reasonError = 'a reason of 1 to 200 characters';
const windowSchema = z
  .strictObject(
    {
      days: z
        .union([dayOrSpan(), z.array(dayOrSpan(), { error: daysError }).min(1, { error: daysError })], { error: daysError })
        .default('sun-sat')
        .meta({ description: 'Days on which it begins: mon-fri, sat, or a list. Default: every day.' }),
      from: clock().default('00:00').meta({ description: 'When it begins, by the clocks of the zone.' }),
      to: clock().default('24:00').meta({ description: 'When it ends; before `from`: on the next day.' }),
      zone: zone(),
    },
    { error: 'a window such as { days: mon-fri, from: "09:00", to: "16:00", zone: Europe/Berlin }' },
  )
  .meta({ id: 'deployWindow', description: 'A time of the week in which deploys are let through.' });

const freezeSchema = z
  .strictObject(
    {
      from: date().meta({ description: 'First day.' }),
      to: date().meta({ description: 'Last day.' }),
      reason: z
        .string({ error: reasonError })
        .min(1, { error: reasonError })
        .max(200, { error: reasonError })
        .meta({ description: 'Told to whoever wants to deploy.' }),
      zone: zone(),
    },
    { error: 'a freeze such as { from: 2026-12-20, to: 2027-01-02, reason: holidays }' },
  )
  .meta({ id: 'deployFreeze', description: 'Whole days without deploys.' });

export const scheduleKeys = {
  windows: z
    .array(windowSchema, { error: 'a list of windows' })
    .max(50, { error: 'at most 50 windows' })
    .default([])
    .meta({ description: 'When deploys and promotions are let through; rollbacks always are. Default: always.' }),
  freezes: z
    .array(freezeSchema, { error: 'a list of freezes' })
    .max(50, { error: 'at most 50 freezes' })
    .default([])
    .meta({ description: 'Days without deploys and promotions, whatever the windows say; rollbacks always pass.' }),
};

interface ScheduleFile {
  readonly windows: readonly z.output<typeof windowSchema>[];
  readonly freezes: readonly z.output<typeof freezeSchema>[];
}

/** Undefined in what it returns: deploys are let through at any time. */
export function completeSchedule(given: ScheduleFile | undefined): { readonly schedule?: DeploySchedule } {
  const { windows = [], freezes = [] } = given ?? {};
  if (windows.length === 0 && freezes.length === 0) return {};
  return {
    schedule: {
      windows: windows.map(({ days, from, to, zone: where }) => ({
        days: daysOf(days),
        from: minutesOf(from),
        to: minutesOf(to),
        zone: where,
      })),
      freezes,
    },
  };
}

function daysOf(given: string | readonly string[]): number[] {
  const days = [given].flat().flatMap((span) => {
    const [first = 0, last = first] = span.split('-').map((name) => weekdays.indexOf(name as (typeof weekdays)[number]));
    // fri-mon goes over the end of the week.
    return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, n) => (first + n) % 7);
  });
  return [...new Set(days)].sort((a, b) => a - b);
}

function minutesOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Zones that there are, windows that last, freezes that end after they begin. */
export function checkSchedule(given: ScheduleFile, base: readonly PropertyKey[], report: Report): void {
  const checkZone = (name: string, at: readonly PropertyKey[]): void => {
    if (!isZone(name))
      report([...at, 'zone'], `there is no time zone ${name}`, nearest(name, ['UTC', ...Intl.supportedValuesOf('timeZone')]));
  };
  for (const [index, window] of given.windows.entries()) {
    const at = [...base, 'windows', index];
    checkZone(window.zone, at);
    if (window.from === '24:00') report([...at, 'from'], 'a window begins before 24:00; write 00:00 for the beginning of a day');
    else if (window.from === window.to) report([...at, 'to'], 'a window of no time never opens; 00:00 to 24:00 is a whole day');
    else if (window.to === '00:00') report([...at, 'to'], 'write 24:00 for the end of a day');
  }
  for (const [index, freeze] of given.freezes.entries()) {
    const at = [...base, 'freezes', index];
    checkZone(freeze.zone, at);
    if (dayOf(freeze.to) < dayOf(freeze.from)) report([...at, 'to'], 'a freeze ends on the day it begins, or later');
  }
}
