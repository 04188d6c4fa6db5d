/** Today in the reader's time zone, such as 2026-03-31. */
export function today(now = new Date()): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** Whole days from today to a date such as 2026-03-31; negative when it has passed. */
export const daysUntil = (day: string, from = today()): number => Math.round((Date.parse(day) - Date.parse(from)) / 86_400_000);

/** "Today", "Tomorrow", "Friday", "24 Dec", "24 Dec 2031". */
export function inWords(day: string, from = today()): string {
  const days = daysUntil(day, from);
  if (days >= -1 && days <= 1) return ['Yesterday', 'Today', 'Tomorrow'][days + 1] ?? day;
  const date = new Date(`${day}T00:00:00`);
  if (days > 1 && days < 7) return new Intl.DateTimeFormat('en', { weekday: 'long' }).format(date);
  const year = day.slice(0, 4) === from.slice(0, 4) ? undefined : ('numeric' as const);
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year }).format(date);
}

/** When something was said, such as "31 Mar, 14:05". */
export const moment = (iso: string): string =>
  new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date(iso));
