import type { createColors } from 'picocolors';

/** Where the lines of everything that runs come together. */
export interface DevLog {
  /** A line of a service's output. */
  line(source: string, text: string): void;
  /** A line of our own about a service. */
  note(source: string, text: string, tone?: 'good' | 'bad' | 'plain'): void;
  /** A new life begins: what it said before does not explain it. */
  fresh(source: string): void;
  /** Its newest lines, oldest first, without colours. */
  tail(source: string, lines: number): readonly string[];
}

export interface DevLogOptions {
  /** Names in the order of their colours; the longest makes the width. */
  readonly sources: readonly string[];
  readonly paint: ReturnType<typeof createColors>;
  /** A line for people, or with `json` one object. */
  readonly write: (text: string) => void;
  readonly json: boolean;
  readonly now: () => Date;
}

/** Lines kept per source for the page of a crash. */
const keptLines = 200;
const escape = String.fromCharCode(27);
const control = new RegExp(
  `${escape}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007${escape}]*(?:\\u0007|${escape}\\\\)|[@-Z\\\\-_a-z])|[\\u0000-\\u0008\\u000b-\\u001a\\u001c-\\u001f\\u007f]`,
  'g',
);
const colour = new RegExp(`^${escape}\\[[\\d;]*m$`);

/** What a line may do to a terminal is colour it: whoever clears the screen or moves the cursor would wipe out the others' lines. */
export const tamed = (line: string, colours: boolean): string =>
  line.replace(control, (sequence) => (colours && colour.test(sequence) ? sequence : ''));

export function openDevLog({ sources, paint, write, json, now }: DevLogOptions): DevLog {
  const width = Math.max(...sources.map((source) => source.length), 3);
  const colours = [paint.cyan, paint.magenta, paint.yellow, paint.blue, paint.green];
  const kept = new Map<string, string[]>();
  const prefix = (source: string): string => {
    const index = sources.indexOf(source);
    const tint = index === -1 ? paint.dim : (colours[index % colours.length] ?? paint.dim);
    return tint(`${source.padEnd(width)} │`);
  };
  const remember = (source: string, text: string): void => {
    const lines = kept.get(source) ?? [];
    lines.push(text);
    if (lines.length > keptLines) lines.splice(0, lines.length - keptLines);
    kept.set(source, lines);
  };
  const print = (entry: { source: string; text: string; kind: 'output' | 'note' }, shown: string): void => {
    if (json) write(JSON.stringify({ at: now().toISOString(), ...entry }));
    else write(`${prefix(entry.source)} ${shown}`.trimEnd());
  };
  return {
    line: (source, text) => {
      const plain = tamed(text, false);
      if (plain.trim() === '') return;
      remember(source, plain);
      const shown = tamed(text, paint.isColorSupported);
      print({ source, text: plain, kind: 'output' }, paint.isColorSupported ? `${shown}${escape}[0m` : shown);
    },
    note: (source, text, tone = 'plain') => {
      const tint = { good: paint.green, bad: paint.red, plain: paint.dim }[tone];
      print({ source, text, kind: 'note' }, tint(text));
    },
    fresh: (source) => void kept.delete(source),
    tail: (source, lines) => (kept.get(source) ?? []).slice(-lines),
  };
}
