import type { CatalogueEntry } from './entry.ts';

/** Errors of scans, reports and checks. */
export const checkErrors = {
  HOOK_FOREIGN: {
    title: 'A hook that is not ours stands there',
    hint: 'Run it first with `signalbox hooks install --chain`, or call `signalbox hooks run pre-commit` from it.',
    retryable: false,
  },
  HOOK_REFUSED: {
    title: 'A hook refuses the commit',
    hint: 'Mend it and commit again; `git commit --no-verify` goes past the hooks.',
    retryable: false,
  },
  LOCK_MISSING: {
    title: 'There is no lock file to list packages from',
    hint: 'Commit the lock file of the package manager (package-lock.json, pnpm-lock.yaml, yarn.lock, uv.lock, poetry.lock).',
    retryable: false,
  },
  LOCK_UNREADABLE: {
    title: 'A lock file cannot be read',
    hint: 'Have the package manager write it anew; a bill of half its packages would be worse than none.',
    retryable: false,
  },
  REPORT_TOO_LARGE: {
    title: 'A report of tests or coverage is larger than what is read',
    hint: 'Split it, or leave the output of passing tests out of it; up to 64 MiB are read.',
    retryable: false,
  },
  REPORT_UNREADABLE: {
    title: 'A report of tests or coverage cannot be read',
    hint: 'Look at the line named in the message; a report that was cut off says nothing about the tests.',
    retryable: false,
  },
  SOURCE_DIVERGED: {
    title: 'The branch lacks commits of the one it follows',
    hint: 'Bring it up to date with `git pull --rebase`, or go on as it is with `--diverged`.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
