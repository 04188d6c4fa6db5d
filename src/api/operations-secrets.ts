import {
  exportSecretsBody,
  importSecretsBody,
  keyRotatedBody,
  removeSecretBody,
  secretRemovedBody,
  secretSetBody,
  secretsBody,
  secretsExportBody,
  secretsImportedBody,
  setSecretBody,
} from './schema-secrets.ts';

const secrets = '/v1/apps/{app}/environments/{environment}/secrets';

/** Values are taken and never given, but for an export that a passphrase seals. */
export const secretOperations = {
  secrets: {
    method: 'get',
    path: secrets,
    summary: 'Secrets of an environment: names, versions and who needs them; no values',
    status: 200,
    answer: secretsBody,
  },
  'set-secret': {
    method: 'post',
    path: `${secrets}/{secret}`,
    summary: 'Keep a value as the next version of a secret',
    request: setSecretBody,
    status: 200,
    answer: secretSetBody,
  },
  'remove-secret': {
    method: 'post',
    path: `${secrets}/{secret}/remove`,
    summary: 'Remove a secret or one version of it',
    request: removeSecretBody,
    status: 200,
    answer: secretRemovedBody,
  },
  'rotate-secrets-key': {
    method: 'post',
    path: '/v1/secrets/rotate-key',
    summary: 'Exchange the key that secrets are kept with',
    status: 200,
    answer: keyRotatedBody,
  },
  'export-secrets': {
    method: 'post',
    path: '/v1/secrets/export',
    summary: 'Secrets sealed by a passphrase',
    request: exportSecretsBody,
    status: 200,
    answer: secretsExportBody,
  },
  'import-secrets': {
    method: 'post',
    path: '/v1/secrets/import',
    summary: 'Put exported secrets back',
    request: importSecretsBody,
    status: 200,
    answer: secretsImportedBody,
  },
} as const;
