import type { Paint } from '../../src/cli/terminal.ts';
import type { Slice } from './traffic.ts';

const heights = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** One column per slice, as high as its answers and in the colour of the version that gave most; red where visitors got errors or nothing. */
export function drawStrip(slices: readonly Slice[], width: number, paint: Paint): string {
  const shown = slices.slice(-width);
  const top = Math.max(1, ...shown.map(answersIn));
  return shown.map((slice) => column(slice, top, paint)).join('');
}

/** The versions' names in their colours, for below a strip. */
export const legend = (versions: readonly string[], paint: Paint): string =>
  [...versions.map((version) => `${paintOf(version, paint)('█')} ${version}`), `${paint.red('█')} errors`].join('   ');

/** Share of each version in the answers of a slice, such as "v1 40 %, v2 60 %". */
export function sharesOf(slice: Slice): string {
  const all = answersIn(slice);
  const rows = Object.entries(slice.answers).map(([version, count]) => `${version} ${Math.round((100 * count) / all)} %`);
  return rows.length === 0 ? 'no traffic' : rows.join(', ');
}

function column(slice: Slice, top: number, paint: Paint): string {
  const answers = answersIn(slice);
  if (slice.dropped > 0) return paint.red('▒');
  if (answers === 0) return paint.dim('·');
  const mark = heights[Math.min(heights.length - 1, Math.floor((answers / top) * heights.length))] ?? '█';
  if (slice.errors > 0) return paint.red(mark);
  const [most] = Object.entries(slice.answers).reduce((a, b) => (b[1] > a[1] ? b : a));
  return paintOf(most, paint)(mark);
}

const answersIn = (slice: Slice): number => Object.values(slice.answers).reduce((sum, count) => sum + count, 0);

function paintOf(version: string, paint: Paint): (text: string) => string {
  if (version === 'v1') return paint.cyan;
  return version === 'v2' ? paint.green : paint.yellow;
}
