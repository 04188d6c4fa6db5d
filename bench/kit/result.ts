import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { checkoutRoot } from '../load/program.ts';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  /** `most` (default): the value may not be above the limit; `least`: not below. */
  readonly kind?: 'most' | 'least';
  readonly unit?: string;
}

export interface BenchResult {
  readonly bench: string;
  readonly quick: boolean;
  readonly bars: readonly Bar[];
  /** What was not measured, why, and what would enable it. */
  readonly skipped: readonly string[];
  /** Everything else worth keeping, as JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
}

export const meets = (bar: Bar): boolean => (bar.kind === 'least' ? bar.value >= bar.limit : bar.value <= bar.limit);

/** Columns under their headings; the first is aligned left, the others right. */
export function printTable(title: string, headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const cells = [headings, ...rows].map((row) => row.map((cell) => (typeof cell === 'number' ? readable(cell) : cell)));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  process.stdout.write(`\n${title}\n`);
  for (const row of cells) {
    const line = widths.map((width, column) =>
      column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width),
    );
    process.stdout.write(`  ${line.join('  ').trimEnd()}\n`);
  }
}

export function readable(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-GB');
  return value.toLocaleString('en-GB', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 1 });
}

/** Prints the bars, writes bench/results/<name>.json and sets the exit code: 1 when a bar is missed. */
export async function conclude(result: BenchResult): Promise<void> {
  const rows = result.bars.map((bar) => {
    const sign = bar.kind === 'least' ? '>=' : '<=';
    return [
      bar.name,
      `${readable(bar.value)} ${bar.unit ?? ''}`.trim(),
      `${sign} ${readable(bar.limit)}`,
      meets(bar) ? 'met' : 'MISSED',
    ];
  });
  printTable(
    `bench:${result.bench}${result.quick ? ' (quick: fewer samples than the bar asks for)' : ''}`,
    ['bar', 'measured', 'wanted', ''],
    rows,
  );
  for (const line of result.skipped) process.stdout.write(`  skipped: ${line}\n`);
  const folder = join(checkoutRoot(), 'bench/results');
  const file = join(folder, `${result.bench}.json`);
  await mkdir(folder, { recursive: true });
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    node: process.version,
  };
  const kept = {
    ...result,
    bars: result.bars.map((bar) => ({ ...bar, met: meets(bar) })),
    at: new Date().toISOString(),
    machine,
  };
  await writeFile(file, `${JSON.stringify(kept, null, 2)}\n`);
  process.stdout.write(`  written to bench/results/${result.bench}.json\n`);
  process.exitCode = result.bars.every(meets) ? 0 : 1;
}

/** @param share 0 to 1. @returns the smallest value with at least that share at or below it; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
