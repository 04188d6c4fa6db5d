import { StringDecoder } from 'node:string_decoder';

/** Longest line passed on, in characters; the rest of it is cut. */
const longestLine = 8_192;
/** How long a part of a line waits for its end, ms. */
const patienceMs = 250;

/** Puts lines together from pieces of output; a part without an end is told after a moment. */
export interface LineReader {
  push(piece: Buffer): void;
  /** Tells what is left. */
  flush(): void;
}

export function readLines(onLine: (line: string) => void): LineReader {
  const decoder = new StringDecoder('utf8');
  let kept = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    if (kept !== '') onLine(kept);
    kept = '';
  };
  return {
    push: (piece) => {
      clearTimeout(timer);
      const lines = (kept + decoder.write(piece)).split(/\r?\n/);
      kept = lines.pop() ?? '';
      for (const line of lines) onLine(line.slice(0, longestLine));
      if (kept.length > longestLine) flush();
      else if (kept !== '') timer = setTimeout(flush, patienceMs);
    },
    flush,
  };
}
