/** How much of something was run. Whole numbers, covered <= total. */
export interface Share {
  readonly covered: number;
  readonly total: number;
}

export interface FileCoverage {
  readonly file: string;
  readonly lines: Share;
  readonly branches?: Share;
}

/** Each line and branch counts once, however many records of the report tell of it. */
export interface Coverage {
  readonly lines: Share;
  /** Undefined where the report knows no branches. */
  readonly branches?: Share;
  /** By name; at most `maxCoverageFiles`, the totals are of all. */
  readonly files: readonly FileCoverage[];
  readonly filesLeftOut: number;
}

export const maxCoverageFiles = 5000;

/** @param files in any order, each name once. */
export function coverageOf(files: readonly FileCoverage[]): Coverage {
  const branches = files.flatMap((file) => (file.branches === undefined ? [] : [file.branches]));
  return {
    lines: sum(files.map((file) => file.lines)),
    ...(branches.length === 0 ? {} : { branches: sum(branches) }),
    files: files.toSorted((a, b) => (a.file < b.file ? -1 : 1)).slice(0, maxCoverageFiles),
    filesLeftOut: Math.max(0, files.length - maxCoverageFiles),
  };
}

const sum = (shares: readonly Share[]): Share => ({
  covered: shares.reduce((all, { covered }) => all + covered, 0),
  total: shares.reduce((all, { total }) => all + total, 0),
});

export interface CoverageRule {
  /** Percent of the lines, 0 to 100, at most four decimals; undefined: no bar. */
  readonly minimum?: number;
  /** Points of percent below the last run of the branch that are worth a word; default 1. */
  readonly toldDrop?: number;
}

export interface CoverageVerdict {
  readonly verdict: 'pass' | 'fail';
  /** Percent of the lines with two decimals, cut off and never rounded up; null when no line was measured. */
  readonly percent: string | null;
  /** Points of percent since the last run, with two decimals; undefined without one. */
  readonly change?: string;
  /** Sentences for people: why it failed, and what is worth a word. */
  readonly says: readonly string[];
}

/**
 * Whether the coverage is enough, compared in whole numbers: 79.999 % is less than 80 %. A drop is told and never fails by itself.
 * @param before of the last run of the same branch. @throws RangeError for counts or bars that mean nothing.
 */
export function judgeCoverage(now: Coverage, rule: CoverageRule, before?: Coverage): CoverageVerdict {
  const { lines } = now;
  requireShare(lines);
  const says: string[] = [];
  const percent = lines.total === 0 ? null : shown(scaled(lines));
  let verdict: CoverageVerdict['verdict'] = 'pass';
  if (rule.minimum !== undefined) {
    const bar = barOf(rule.minimum);
    if (lines.total === 0) {
      verdict = 'fail';
      says.push(`No line was measured, and ${rule.minimum} % of them must be covered.`);
    } else if (BigInt(lines.covered) * 1_000_000n < bar * BigInt(lines.total)) {
      verdict = 'fail';
      const missing = (bar * BigInt(lines.total) + 999_999n) / 1_000_000n - BigInt(lines.covered);
      says.push(
        `${percent} % of the lines are covered (${lines.covered} of ${lines.total}), and ${rule.minimum} % must be: ${missing} more ${missing === 1n ? 'line' : 'lines'}.`,
      );
    }
  }
  if (before === undefined || before.lines.total === 0 || lines.total === 0) return { verdict, percent, says };
  requireShare(before.lines);
  const difference = scaled(lines) - scaled(before.lines);
  if (-difference > barOf(rule.toldDrop ?? 1))
    says.push(
      `Coverage fell by ${shown(-difference)} points since the last run, from ${shown(scaled(before.lines))} % to ${percent} %.`,
    );
  return { verdict, percent, change: `${difference < 0n ? '-' : '+'}${shown(difference < 0n ? -difference : difference)}`, says };
}

/** Percent times 10,000, cut off. */
const scaled = ({ covered, total }: Share): bigint => (BigInt(covered) * 1_000_000n) / BigInt(total);

/** Two decimals, cut off. */
function shown(value: bigint): string {
  const hundredths = value / 100n;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`;
}

/** Percent times 10,000. */
function barOf(percent: number): bigint {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`a share of ${percent} % is none`);
  return BigInt(Math.round(percent * 10_000));
}

function requireShare({ covered, total }: Share): void {
  if (!(Number.isSafeInteger(covered) && Number.isSafeInteger(total) && covered >= 0 && covered <= total))
    throw new RangeError(`${covered} of ${total} is no share`);
}
