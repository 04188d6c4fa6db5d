import { createColors } from 'picocolors';
import { fold } from './fold.ts';

/** Where a verb speaks. With `--json`, standard output carries JSON and nothing else. */
export interface Terminal {
  readonly json: boolean;
  /** A person watches and the cursor can be moved. */
  readonly live: boolean;
  /** Columns; 80 when unknown. */
  readonly columns: () => number;
  readonly rows: () => number;
  readonly paint: Paint;
  /** A line for people on standard output, broken between words where a terminal is too narrow for it; dropped with `--json`. */
  say(text: string): void;
  /** The same for what is to be shown to the letter: lines of others, differences between files. */
  quote(text: string): void;
  /** A remark beside the result, on standard error; dropped with `--json`. */
  note(text: string): void;
  /** The result for scripts, one line; dropped without `--json`. */
  result(value: unknown): void;
  /** Control sequences and parts of lines; only while `live`. */
  draw(text: string): void;
}

export type Paint = Pick<ReturnType<typeof createColors>, 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan'>;

export interface TerminalOptions {
  readonly json: boolean;
  /** False with NO_COLOR. */
  readonly color: boolean;
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

export function openTerminal({ json, color, out, err }: TerminalOptions): Terminal {
  const live = !json && out.isTTY;
  return {
    json,
    live,
    columns: () => out.columns ?? 80,
    rows: () => out.rows ?? 24,
    paint: createColors(color && live),
    say: (text) => void (json || out.write(`${shownOn(out, text)}\n`)),
    quote: (text) => void (json || out.write(`${text}\n`)),
    note: (text) => void (json || err.write(`${shownOn(err, text)}\n`)),
    result: (value) => void (json && out.write(`${JSON.stringify(value)}\n`)),
    draw: (text) => void (live && out.write(text)),
  };
}

const shownOn = (stream: NodeJS.WriteStream, text: string): string =>
  stream.isTTY && stream.columns > 0 ? fold(text, stream.columns) : text;
