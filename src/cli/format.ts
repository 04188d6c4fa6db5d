import { stripVTControlCharacters } from 'node:util';

/** 340 -> "340 ms", 12300 -> "12.3 s", 754000 -> "12 min 34 s". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "3 min ago"; the exact time is in the JSON. */
export function ago(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

/** Columns as wide as their widest cell, two spaces apart; those that are empty throughout are left out. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries())
      widths[index] = Math.max(widths[index] ?? 0, stripVTControlCharacters(cell).length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell + ' '.repeat(Math.max(0, (widths[index] ?? 0) - stripVTControlCharacters(cell).length)))
      .filter((_, index) => widths[index] !== 0)
      .join('  ')
      .trimEnd(),
  );
}

/** Nothing where there were none. */
export const restarts = (times: number): string => (times === 0 ? '' : `${times} ${times === 1 ? 'restart' : 'restarts'}`);

export const percent = (share: number): string => `${Number(share.toFixed(2))}%`;

/** Terminals act on control characters; text that an app or a commit chose must not. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll('\t', '  ')
    .replaceAll(/\p{Cc}/gu, '');
