import { coverageOf, type Coverage, type FileCoverage } from '../../domain/coverage.ts';
import { unreadable } from './text.ts';

const mostLines = 5_000_000;
const mostFiles = 100_000;
const mostBranches = 2_000_000;

/** Lines and branches of files, each told any number of times: it is covered when one of the records says so. */
export interface LinesHit {
  /** @param place line of the report. @throws REPORT_UNREADABLE beyond 5,000,000 lines or 100,000 files */
  line(file: string, entry: { readonly number: number; readonly hit: boolean }, place: number): void;
  /** @param key what tells the branches of a file apart. */
  branch(file: string, entry: { readonly key: string; readonly share: { covered: number; total: number } }, place: number): void;
  /** Totals of a file whose lines the report does not list. */
  totals(file: string, lines: { covered: number; total: number }, place: number): void;
  coverage(): Coverage;
}

interface Seen {
  readonly lines: Map<number, boolean>;
  readonly branches: Map<string, { covered: number; total: number }>;
  totals: { covered: number; total: number } | undefined;
}

export function openLinesHit(form: string): LinesHit {
  const files = new Map<string, Seen>();
  const held = { lines: 0, branches: 0 };
  const of = (name: string, place: number): Seen => {
    const known = files.get(name);
    if (known !== undefined) return known;
    if (files.size === mostFiles) throw unreadable(form, place, `it tells of more than ${mostFiles} files`);
    const seen: Seen = { lines: new Map(), branches: new Map(), totals: undefined };
    // A copy: a part of the report would keep all of it in memory.
    files.set(Buffer.from(name).toString(), seen);
    return seen;
  };
  return {
    line(file, { number, hit }, place) {
      const { lines } = of(file, place);
      const before = lines.get(number);
      if (before === undefined) held.lines += 1;
      if (held.lines > mostLines) throw unreadable(form, place, `it tells of more than ${mostLines} lines`);
      if (before !== true) lines.set(number, hit);
    },
    branch(file, { key, share }, place) {
      const { branches } = of(file, place);
      const before = branches.get(key);
      if (before === undefined) held.branches += 1;
      if (held.branches > mostBranches) throw unreadable(form, place, `it tells of more than ${mostBranches} branches`);
      if (before === undefined || before.covered < share.covered) branches.set(Buffer.from(key).toString(), share);
    },
    totals(file, lines, place) {
      of(file, place).totals = lines;
    },
    coverage: () => coverageOf([...files].map(([file, seen]) => coverageOfFile(file, seen))),
  };
}

function coverageOfFile(file: string, { lines, branches, totals }: Seen): FileCoverage {
  let covered = 0;
  for (const hit of lines.values()) if (hit) covered += 1;
  const shares = [...branches.values()];
  return {
    file,
    lines: lines.size === 0 && totals !== undefined ? totals : { covered, total: lines.size },
    ...(shares.length === 0
      ? {}
      : {
          branches: {
            covered: shares.reduce((all, share) => all + share.covered, 0),
            total: shares.reduce((all, share) => all + share.total, 0),
          },
        }),
  };
}
