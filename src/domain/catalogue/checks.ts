import type { CatalogueEntry } from './entry.ts';

/** Errors of scans, reports and checks. */
export const checkErrors = {
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
