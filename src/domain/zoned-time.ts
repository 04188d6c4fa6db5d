import type { WallTime } from './values.ts';

/** A point of a local calendar. */
export interface LocalTime {
  /** Days of the local calendar since 1970-01-01. */
  readonly day: number;
  /** Minutes since local midnight, 0 to 1439. */
  readonly minute: number;
}

const minuteMs = 60_000;
export const dayMs = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the name is one of a time zone, such as Europe/Berlin or UTC. */
export function isZone(name: string): boolean {
  try {
    return formatOf(name) !== undefined;
  } catch {
    return false;
  }
}

/** What the clocks of a zone show. @throws RangeError for a name that is none of a zone. */
export function localTime(at: WallTime, zone: string): LocalTime {
  const shown = at + offsetAt(at, zone);
  const day = Math.floor(shown / dayMs);
  return { day, minute: Math.floor((shown - day * dayMs) / minuteMs) };
}

/** 0 is Sunday. */
export const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;

/**
 * When the clocks of a zone show this: once as a rule, twice where they are put back over it, and where they are put forward over it
 * the instant at which they are.
 */
export function instantsOf(local: LocalTime, zone: string): readonly WallTime[] {
  const shown = local.day * dayMs + local.minute * minuteMs;
  // No change of a zone's clocks is farther away from what they show than a day.
  const around = [-dayMs, 0, dayMs].map((far) => offsetAt((shown + far) as WallTime, zone));
  const possible = [...new Set(around)].map((offset) => ({ offset, at: (shown - offset) as WallTime }));
  const real = possible.filter(({ offset, at }) => offsetAt(at, zone) === offset).map(({ at }) => at);
  if (real.length > 0) return real.sort((a, b) => a - b);
  const ends = possible.map(({ at }) => at);
  return [changeWithin(Math.min(...ends) as WallTime, Math.max(...ends) as WallTime, zone)];
}

/** The first instant of the span whose clocks go as at its end. */
export function changeWithin(from: WallTime, to: WallTime, zone: string): WallTime {
  const after = offsetAt(to, zone);
  let [low, high] = [from as number, to as number];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle as WallTime, zone) === after) high = middle;
    else low = middle;
  }
  return high as WallTime;
}

/** What the clocks of a zone are ahead of UTC, ms. */
export function offsetAt(at: WallTime, zone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** `Mon 23 Nov 2026, 09:00 Europe/Berlin`. */
export function zonedText(at: WallTime, zone: string): string {
  const { day, minute } = localTime(at, zone);
  const date = new Date(day * dayMs);
  const two = (n: number): string => String(n).padStart(2, '0');
  const clock = `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
  return `${weekdays[weekdayOf(day)]} ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${clock} ${zone}`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, made);
  return made;
}
