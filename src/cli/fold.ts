import { stripVTControlCharacters } from 'node:util';

const width = (text: string): number => Array.from(stripVTControlCharacters(text)).length;
/** What others said stands behind a bar. It is left as it is, so that it can be found and copied. */
const quoted = /^\s*(?:\S+ *)?[|│](?: |$)/;
/** Columns that are left for the text where it is indented. */
const leastRoom = 20;
/** A mark, a number or a label at the beginning of a line. */
const label = /^\s*(?:[✓✗↺!·-] |\d+\. +|[a-z][a-z ]{0,9}: +)?/;

/**
 * Breaks lines that are longer than a terminal is wide between words. What follows is indented as the text is: below the last column of
 * a table, behind a label. Words that are too long for a line stay whole, for the terminal to break.
 */
export const fold = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => (width(line) <= columns || quoted.test(stripVTControlCharacters(line)) ? line : foldLine(line, columns)))
    .join('\n');

function foldLine(line: string, columns: number): string {
  const indent = indentOf(stripVTControlCharacters(line), columns);
  const done: string[] = [];
  let current = '';
  for (const piece of line.match(/ *[^ ]+/g) ?? []) {
    const fits = width(current) + width(piece) <= columns;
    if (fits || width(current) <= indent) current += piece;
    else {
      done.push(current);
      current = `${' '.repeat(indent)}${piece.trimStart()}`;
    }
  }
  return [...done, current].join('\n');
}

function indentOf(plain: string, columns: number): number {
  const labelled = label.exec(plain)?.[0].length ?? 0;
  const starts = [...plain.matchAll(/ {2,}(?=\S)/g)].map((gap) => gap.index + gap[0].length);
  return Math.max(labelled, starts.findLast((start) => columns - start >= leastRoom) ?? 0);
}
