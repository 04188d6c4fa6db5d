import type { WallTime } from './values.ts';
import { changeWithin, dayMs, instantsOf, localTime, offsetAt, weekdayOf, zonedText } from './zoned-time.ts';

/** A time of the week in which deploys are let through. Clocks that are put forward over it shorten it, put back they lengthen it. */
export interface DeployWindow {
  /** Days on which it begins, 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes since local midnight. */
  readonly from: number;
  /** Not part of it; 1440 is the end of the day. Below `from`: on the next day. */
  readonly to: number;
  readonly zone: string;
}

/** Whole days in which no deploy is let through, whatever the windows say. */
export interface DeployFreeze {
  /** First day, `2026-12-20`. */
  readonly from: string;
  /** Last day. */
  readonly to: string;
  readonly reason: string;
  readonly zone: string;
}

/** When an environment takes deploys. No windows: always but for the freezes. */
export interface DeploySchedule {
  readonly windows: readonly DeployWindow[];
  readonly freezes: readonly DeployFreeze[];
}

/** Why no deploy is let through now, as part of a sentence, and when the next one is. */
export interface Closure {
  readonly because: string;
  /** Null: not within the next 400 days. */
  readonly next: WallTime | null;
  /** Zone to show times in. */
  readonly zone: string;
}

const horizonDays = 400;

/** Null: deploys are let through by all of the schedules. */
export function closureAt(schedules: readonly DeploySchedule[], now: WallTime): Closure | null {
  const closed = schedules.find((schedule) => !isOpen(schedule, now));
  if (closed === undefined) return null;
  const freeze = closed.freezes.find((one) => isFrozen(one, now));
  const zone = freeze?.zone ?? closed.windows[0]?.zone ?? 'UTC';
  const because =
    freeze === undefined
      ? `it is ${zonedText(now, zone)}, outside the windows for deploys`
      : `frozen from ${freeze.from} to ${freeze.to} (${freeze.reason})`;
  return { because, next: nextOpening(schedules, now), zone };
}

export const isOpen = ({ windows, freezes }: DeploySchedule, at: WallTime): boolean =>
  !freezes.some((freeze) => isFrozen(freeze, at)) && (windows.length === 0 || windows.some((window) => isInside(window, at)));

function isInside({ days, from, to, zone }: DeployWindow, at: WallTime): boolean {
  const { day, minute } = localTime(at, zone);
  const begins = (begun: number): boolean => days.includes(weekdayOf(begun));
  if (from < to) return begins(day) && minute >= from && minute < to;
  return (begins(day) && minute >= from) || (begins(day - 1) && minute < to);
}

function isFrozen({ from, to, zone }: DeployFreeze, at: WallTime): boolean {
  const { day } = localTime(at, zone);
  return day >= dayOf(from) && day <= dayOf(to);
}

/** Days since 1970-01-01 of a date as `2026-12-20`. */
export const dayOf = (date: string): number => Math.floor(Date.UTC(...partsOf(date)) / dayMs);

function partsOf(date: string): [number, number, number] {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  return [year, month - 1, day];
}

/** The first instant after `now` at which all schedules let deploys through; null: none within 400 days. */
export function nextOpening(schedules: readonly DeploySchedule[], now: WallTime): WallTime | null {
  for (let start = now as number, n = 0; n < horizonDays; n++, start += dayMs) {
    const span = { from: start as WallTime, to: (start + dayMs) as WallTime };
    const opening = turningPoints(schedules, span)
      .filter((at) => at > now)
      .sort((a, b) => a - b)
      .find((at) => schedules.every((schedule) => isOpen(schedule, at)));
    if (opening !== undefined) return opening;
  }
  return null;
}

/** Where closed may turn to open: beginnings of windows, ends of freezes, and changes of the clocks. */
function turningPoints(
  schedules: readonly DeploySchedule[],
  span: { readonly from: WallTime; readonly to: WallTime },
): readonly WallTime[] {
  const windows = schedules.flatMap((schedule) => schedule.windows);
  const freezes = schedules.flatMap((schedule) => schedule.freezes);
  const points: WallTime[] = [];
  for (const zone of new Set([...windows, ...freezes].map((one) => one.zone))) {
    if (offsetAt(span.from, zone) !== offsetAt(span.to, zone)) points.push(changeWithin(span.from, span.to, zone));
    const last = localTime(span.to, zone).day;
    for (let day = localTime(span.from, zone).day; day <= last; day++)
      for (const { from } of windows.filter((window) => window.zone === zone))
        points.push(...instantsOf({ day, minute: from }, zone));
  }
  for (const { to, zone } of freezes) {
    const end = dayOf(to) + 1;
    // A freeze that is years away is looked up on no day but its own.
    if (Math.abs(end * dayMs - span.from) < 3 * dayMs) points.push(...instantsOf({ day: end, minute: 0 }, zone));
  }
  return points.filter((at) => at >= span.from && at <= span.to);
}

/** `deploys wait until Mon 23 Nov 2026, 09:00 Europe/Berlin`, for people. */
export const openingText = ({ next, zone }: Closure): string =>
  next === null ? 'no window opens within 400 days' : `the next window opens ${zonedText(next, zone)}`;
