import type { DeploySchedule, DeployWindow } from './windows.ts';

/** The windows and freezes of an environment for people, one line each; none: `at any time`. */
export function describeSchedule(schedule: DeploySchedule | undefined): readonly string[] {
  const { windows = [], freezes = [] } = schedule ?? {};
  return [
    ...(windows.length === 0 ? ['at any time'] : windows.map(windowText)),
    ...freezes.map(({ from, to, reason, zone }) => `not from ${from} to ${to} ${zone} (${reason})`),
  ];
}

const windowText = ({ days, from, to, zone }: DeployWindow): string =>
  `${daysText(days)} ${clockText(from)} to ${clockText(to)}${to < from ? ' of the next day' : ''} ${zone}`;

const names = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function daysText(days: readonly number[]): string {
  if (days.length === 7) return 'every day';
  // Weeks begin on Monday, so that Mon to Fri and Sat, Sun stay together.
  const rising = days.map((day) => (day + 6) % 7).sort((a, b) => a - b);
  const spans: number[][] = [];
  for (const day of rising) {
    const last = spans.at(-1);
    if (last?.at(-1) === day - 1) last.push(day);
    else spans.push([day]);
  }
  const name = (day: number | undefined): string => names[((day ?? 0) + 1) % 7] ?? '';
  return spans
    .map((span) => (span.length > 2 ? `${name(span[0])} to ${name(span.at(-1))}` : span.map(name).join(', ')))
    .join(', ');
}

const clockText = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
