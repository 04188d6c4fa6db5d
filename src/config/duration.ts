import { type Millis, millis } from '../domain/values.ts';

/** What a duration looks like: whole days, hours, minutes, seconds (decimals allowed) and milliseconds, largest first, no spaces. */
export const durationPattern = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;

const unitMs = [86_400_000, 3_600_000, 60_000, 1000, 1] as const;

/** "30s", "1h30m", "250ms" to milliseconds; undefined when the text is not a duration (a bare number has no unit and is none). */
export function parseDuration(text: string): Millis | undefined {
  const match = durationPattern.exec(text);
  if (match === null) return undefined;
  const total = unitMs.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return Number.isSafeInteger(Math.round(total)) ? millis(Math.round(total)) : undefined;
}

/** The shortest exact text that `parseDuration` reads back: 90000 is "1m30s". */
export function formatDuration(duration: Millis): string {
  let rest = Math.round(duration);
  if (rest === 0) return '0s';
  const names = ['d', 'h', 'm', 's', 'ms'];
  let text = '';
  for (const [index, unit] of unitMs.entries()) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count > 0) text += `${count}${names[index]}`;
  }
  return text;
}
