/** What a scan looks at: secrets in files, known holes in dependencies or an image, code as it stands, or an app that runs. */
export type ScanKind = 'secrets' | 'dependencies' | 'image' | 'static' | 'running';

/** Worst first. `unknown`: the scanner does not say. */
export const severities = ['critical', 'high', 'medium', 'low', 'info', 'unknown'] as const;
export type Severity = (typeof severities)[number];

/** Where a finding is. Paths are relative to the folder that was scanned. */
export interface Place {
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  readonly package?: string;
  readonly version?: string;
  readonly url?: string;
}

export interface Finding {
  readonly severity: Severity;
  /** The scanner's own name for it: a rule, a CVE. */
  readonly id: string;
  /** What it is, in a sentence or a few words; never a secret. */
  readonly title: string;
  readonly where: Place;
  /** What was seen, bounded; secrets only masked. */
  readonly evidence?: string;
  /** What to do about it. */
  readonly fix?: string;
}

/**
 * What came of a scan. `clean` is said only when everything that was to be looked at was looked at with what it takes; a tool that is
 * missing, has no database, took too long or printed something else is `not-checked`, with the reason and the way to enable it.
 */
export type ScanVerdict =
  | {
      readonly verdict: 'clean';
      /** What was looked at: "412 files". */
      readonly looked: string;
      readonly notes: readonly string[];
    }
  | {
      readonly verdict: 'findings';
      /** Worst first, at most `maxFindings`. */
      readonly findings: readonly Finding[];
      readonly counts: Readonly<Record<Severity, number>>;
      readonly notes: readonly string[];
    }
  | { readonly verdict: 'not-checked'; readonly why: string; readonly enable: string };

export const maxFindings = 500;

/** `clean` or `findings`. */
export function verdictOfFindings(findings: readonly Finding[], looked: string, notes: readonly string[] = []): ScanVerdict {
  if (findings.length === 0) return { verdict: 'clean', looked, notes };
  const rank = (finding: Finding): number => severities.indexOf(finding.severity);
  const place = ({ where }: Finding): string =>
    `${where.file ?? where.package ?? where.url ?? ''}:${String(where.line ?? 0).padStart(8, '0')}`;
  const order = (a: Finding, b: Finding): number => rank(a) - rank(b) || (place(a) < place(b) ? -1 : 1);
  return {
    verdict: 'findings',
    findings: findings.toSorted(order).slice(0, maxFindings),
    counts: Object.fromEntries(
      severities.map((one) => [one, findings.filter(({ severity }) => severity === one).length]),
    ) as Record<Severity, number>,
    notes,
  };
}

export const notChecked = (why: string, enable: string): ScanVerdict => ({ verdict: 'not-checked', why, enable });

/** By the score of CVSS 3: 9.0 critical, 7.0 high, 4.0 medium, above 0 low. */
export function severityOfScore(score: number): Severity {
  if (!(score >= 0 && score <= 10)) return 'unknown';
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'info';
}

/** Words that scanners use, in any case. */
export function severityOfWord(word: unknown): Severity {
  switch (typeof word === 'string' ? word.toLowerCase() : '') {
    case 'critical':
      return 'critical';
    case 'high':
    case 'error':
    case 'important':
      return 'high';
    case 'medium':
    case 'moderate':
    case 'warning':
      return 'medium';
    case 'low':
    case 'note':
    case 'negligible':
      return 'low';
    case 'info':
    case 'none':
      return 'info';
    default:
      return 'unknown';
  }
}
