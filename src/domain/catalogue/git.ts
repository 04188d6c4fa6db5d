import type { CatalogueEntry } from './entry.ts';

/** Errors of pushes and webhooks. */
export const gitErrors = {
  FORGE_REFUSED: {
    title: 'The forge does not give the source out',
    hint: 'Check the address, and that the token or deploy key may read the repository; then `signalbox webhook add` again.',
    retryable: false,
  },
  FORGE_TOO_LARGE: {
    title: 'The source is larger than is taken in one fetch',
    hint: 'Large files belong under `persist` or into a storage of their own, not into the repository.',
    retryable: false,
  },
  FORGE_UNREACHABLE: {
    title: 'The source could not be fetched from the forge',
    hint: 'It goes on being tried for a while; `signalbox webhook deliveries` shows how it stands.',
    retryable: true,
  },
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
  WEBHOOK_EXISTS: {
    title: 'The app has a webhook already',
    hint: 'Remove it first with `signalbox webhook remove`; the forge then needs the new secret.',
    retryable: false,
  },
  WEBHOOK_REFUSED: {
    title: 'The call of a webhook is not let in',
    hint: 'Check address and secret in the settings of the forge.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
