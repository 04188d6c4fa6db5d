import type { Terminal } from './terminal.ts';

/** A block of lines at the bottom of a terminal that is drawn over itself. Only for a live terminal. */
export interface LiveBlock {
  draw(lines: readonly string[]): void;
  /** Removes the block, so that what follows takes its place. */
  clear(): void;
}

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
/** Lines that are too long are cut by the terminal instead of breaking the block; it knows the width of every character. */
const noWrap = '\u001b[?7l';
const wrap = '\u001b[?7h';
const eraseDown = '\u001b[J';
const eraseLine = '\u001b[K';
const up = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A`);

export function openLiveBlock(terminal: Terminal): LiveBlock {
  let drawn = 0;
  return {
    draw(lines) {
      // What has scrolled out of the window can not be drawn over: keep to what fits.
      const shown = lines.slice(0, Math.max(1, terminal.rows() - 1));
      const text = shown.map((line) => `${line}${eraseLine}\n`).join('');
      terminal.draw(`${hideCursor}${noWrap}${up(drawn)}\r${text}${eraseDown}${wrap}${showCursor}`);
      drawn = shown.length;
    },
    clear() {
      terminal.draw(`${up(drawn)}\r${eraseDown}`);
      drawn = 0;
    },
  };
}
