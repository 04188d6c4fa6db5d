import type { CatalogueEntry } from './entry.ts';

/** Errors of scans, reports and checks. */
export const checkErrors = {
  SOURCE_DIVERGED: {
    title: 'The branch lacks commits of the one it follows',
    hint: 'Bring it up to date with `git pull --rebase`, or go on as it is with `--diverged`.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
