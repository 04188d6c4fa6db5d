import type { CatalogueEntry } from './entry.ts';

/** Errors of pushes and webhooks. */
export const gitErrors = {
  GIT_BUSY: {
    title: 'Too many fetches and pushes are under way',
    hint: 'Try again in a moment.',
    retryable: true,
  },
  GIT_UNAVAILABLE: {
    title: 'Fetches and pushes cannot be served by git',
    hint: 'Install git 2.29 or newer with its `http-backend` (Alpine: the package git-daemon); `signalbox doctor` looks for it.',
    retryable: true,
  },
} as const satisfies Record<string, CatalogueEntry>;
