/** What a run of tests came to, whatever wrote its report. Each test counts once; the four counts add up to all of them. */
export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  /** Left out, or known not to work yet (TAP's todo). */
  readonly skipped: number;
  /** Tests that broke instead of failing, and what the report itself admits: a bail out, a missing plan, totals that do not add up. */
  readonly errors: number;
  readonly durationMs: number;
  /** The ten that took longest, slowest first. */
  readonly slowest: readonly SlowTest[];
  /** Failures and errors in the order of the report, the first `maxFailures` of them. */
  readonly failures: readonly TestFailure[];
}

export interface SlowTest {
  readonly name: string;
  readonly durationMs: number;
}

export interface TestFailure {
  readonly name: string;
  readonly file?: string;
  /** At most `maxMessage` characters. */
  readonly message: string;
}

/** One test as a report tells it. */
export interface TestCase {
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  readonly name: string;
  readonly file?: string;
  /** Undefined where the report does not say. */
  readonly durationMs?: number;
  readonly message?: string;
}

export const maxFailures = 100;
export const maxMessage = 2000;
const maxName = 300;
const listed = 10;

/** Adds tests up within bounds, however many there are. */
export interface Tally {
  add(test: TestCase): void;
  /** @param durationMs of the whole run, where the report says it; otherwise the sum over the tests. */
  report(durationMs?: number): TestReport;
}

export function openTally(): Tally {
  const counts = { passed: 0, failed: 0, skipped: 0, error: 0 };
  const failures: TestFailure[] = [];
  let slowest: SlowTest[] = [];
  let total = 0;
  const isSlow = (durationMs: number): boolean =>
    durationMs > 0 && (slowest.length < listed || durationMs > (slowest.at(-1)?.durationMs ?? 0));
  return {
    add({ outcome, name, file, durationMs = 0, message = '' }) {
      counts[outcome] += 1;
      total += durationMs;
      if (isSlow(durationMs))
        slowest = [...slowest, { name: bounded(name, maxName), durationMs }]
          .toSorted((a, b) => b.durationMs - a.durationMs)
          .slice(0, listed);
      if ((outcome === 'failed' || outcome === 'error') && failures.length < maxFailures)
        failures.push({
          name: bounded(name, maxName),
          ...(file === undefined || file === '' ? {} : { file: bounded(file, maxName) }),
          message: bounded(message.trim(), maxMessage),
        });
    },
    report: (durationMs) => ({
      passed: counts.passed,
      failed: counts.failed,
      skipped: counts.skipped,
      errors: counts.error,
      durationMs: Math.round(durationMs ?? total),
      slowest,
      failures,
    }),
  };
}

/** A copy of its own: a part of a text keeps the whole text in memory. Ends in `…` where something was left out. */
export function bounded(text: string, most: number): string {
  const kept = text.length > most ? `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : text;
  return kept.split('').join('');
}

/** True when nothing speaks against shipping: at least one test passed, none failed, none broke. */
export const isGreen = (report: TestReport): boolean => report.failed === 0 && report.errors === 0 && report.passed > 0;

/** Totals of several reports of one run. */
export function mergeReports(reports: readonly TestReport[]): TestReport {
  const sum = (count: (report: TestReport) => number): number => reports.reduce((all, report) => all + count(report), 0);
  return {
    passed: sum((report) => report.passed),
    failed: sum((report) => report.failed),
    skipped: sum((report) => report.skipped),
    errors: sum((report) => report.errors),
    durationMs: sum((report) => report.durationMs),
    slowest: reports
      .flatMap((report) => report.slowest)
      .toSorted((a, b) => b.durationMs - a.durationMs)
      .slice(0, listed),
    failures: reports.flatMap((report) => report.failures).slice(0, maxFailures),
  };
}
