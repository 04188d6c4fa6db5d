import { type Finding, type ScanKind, type ScanVerdict, severities, type Severity } from './scan.ts';

/** One scanner's verdict. */
export interface ScanRow {
  readonly scanner: string;
  readonly kind: ScanKind;
  readonly verdict: ScanVerdict;
}

export interface ScanRule {
  /** Findings of a severity that are still let through; a severity that is not named has no bar. Default: no critical one. */
  readonly most?: Partial<Readonly<Record<Severity, number>>>;
  /** Kinds that at least one scanner must have checked; default none, since what was not checked is said and does not pass as clean. */
  readonly required?: readonly ScanKind[];
}

export interface ScanGate {
  readonly verdict: 'pass' | 'fail';
  /** Over all scanners; the same hole told by two scanners at one place counts once. */
  readonly counts: Readonly<Record<Severity, number>>;
  /** Kinds that nobody checked. */
  readonly notChecked: readonly ScanKind[];
  /** Sentences: why it failed, and what is not known. */
  readonly says: readonly string[];
}

/** Pure. A kind is checked when one of its scanners came to a verdict; only kinds that were asked for are judged. */
export function judgeScans(rows: readonly ScanRow[], rule: ScanRule = {}): ScanGate {
  const most = rule.most ?? { critical: 0 };
  const counts = countAll(rows);
  const kinds = [...new Set([...rows.map(({ kind }) => kind), ...(rule.required ?? [])])];
  const unknown = kinds.filter((kind) => !rows.some((row) => row.kind === kind && row.verdict.verdict !== 'not-checked'));
  const failed: string[] = [];
  for (const severity of severities) {
    const allowed = most[severity];
    if (allowed !== undefined && counts[severity] > allowed)
      failed.push(`${counts[severity]} of severity ${severity}, and at most ${allowed} may be let through.`);
  }
  for (const kind of unknown.filter((one) => rule.required?.includes(one)))
    failed.push(`Nothing has checked ${words[kind]}, and that is required.`);
  const told = unknown.filter((kind) => !rule.required?.includes(kind)).map((kind) => `Not checked: ${words[kind]}.`);
  return { verdict: failed.length > 0 ? 'fail' : 'pass', counts, notChecked: unknown, says: [...failed, ...told] };
}

const words: Readonly<Record<ScanKind, string>> = {
  secrets: 'secrets in files',
  dependencies: 'known holes in dependencies',
  image: 'the image',
  static: 'the code',
  running: 'the running app',
};

/** Findings beyond those that are listed still count. */
function countAll(rows: readonly ScanRow[]): Record<Severity, number> {
  const counts = Object.fromEntries(severities.map((severity) => [severity, 0])) as Record<Severity, number>;
  const seen = new Set<string>();
  for (const { kind, verdict } of rows) {
    if (verdict.verdict !== 'findings') continue;
    for (const severity of severities) counts[severity] += verdict.counts[severity];
    for (const finding of verdict.findings) {
      const key = `${kind} ${sameness(finding)}`;
      if (seen.has(key)) counts[finding.severity] -= 1;
      seen.add(key);
    }
  }
  return counts;
}

const sameness = ({ id, severity, where }: Finding): string =>
  JSON.stringify([
    severity,
    id.toLowerCase(),
    where.file ?? '',
    where.line ?? 0,
    where.package ?? '',
    where.version ?? '',
    where.url ?? '',
  ]);
