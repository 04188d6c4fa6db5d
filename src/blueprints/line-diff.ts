/** Most lines compared in full; longer texts show what is different at their ends only. */
const mostCells = 4_000_000;

/** How `after` differs from `before`, three lines around each change, in the usual notation (`-`, `+`, space). Empty: not at all. */
export function lineDiff(before: string, after: string): readonly string[] {
  const a = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const b = after === '' ? [] : after.replace(/\n$/, '').split('\n');
  const lines = a.length * b.length > mostCells ? [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)] : merged(a, b);
  return withContext(lines);
}

/** All lines of both, by a longest common subsequence. */
function merged(a: readonly string[], b: readonly string[]): string[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(` ${a[i]}`);
      i += 1;
      j += 1;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`-${a[i]}`);
      i += 1;
    } else {
      lines.push(`+${b[j]}`);
      j += 1;
    }
  }
  return lines;
}

function withContext(lines: readonly string[], around = 3): string[] {
  const shown: string[] = [];
  let gap = false;
  for (const [index, line] of lines.entries()) {
    const near = lines.slice(Math.max(0, index - around), index + around + 1).some((other) => !other.startsWith(' '));
    if (near) {
      if (gap && shown.length > 0) shown.push('…');
      shown.push(line);
    }
    gap = !near;
  }
  return shown;
}
