import type { CatalogueEntry } from './entry.ts';

/** Errors of secrets. */
export const secretErrors = {
  SECRETS_LOCKED: {
    title: 'The key of the secrets cannot be had',
    hint: 'Put the key file back from a backup, or set SIGNALBOX_SECRETS_PASSPHRASE to the passphrase it was made with.',
    retryable: false,
  },
  SECRETS_PROVIDER_MISSING: {
    title: 'A place for secrets was named that is not there yet',
    hint: 'Unset SIGNALBOX_SECRETS; secrets are then kept encrypted in the home.',
    retryable: false,
  },
  SECRET_DAMAGED: {
    title: 'A kept secret cannot be read',
    hint: 'Set it again, or put its file back from a backup; then deploy.',
    retryable: false,
  },
  SECRET_IN_USE: {
    title: 'A kept release needs the version of the secret',
    hint: 'Deploy without it first, or say --force: the releases named can then no longer be started.',
    retryable: false,
  },
  SECRET_MISSING: {
    title: 'A secret that is needed is not set',
    hint: 'Set it with `signalbox secrets set NAME`, then deploy again.',
    retryable: false,
  },
  SECRET_REFUSED: {
    title: 'A secret cannot be kept or given as asked',
    hint: 'Change what the message names.',
    retryable: false,
  },
} as const satisfies Record<string, CatalogueEntry>;
