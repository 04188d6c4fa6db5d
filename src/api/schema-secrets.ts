import { z } from 'zod';
import type {
  ExportSecretsBody,
  ImportSecretsBody,
  KeyRotatedBody,
  RemoveSecretBody,
  SecretRemovedBody,
  SecretSetBody,
  SecretsBody,
  SecretsExportBody,
  SecretsImportedBody,
  SetSecretBody,
} from './contract.ts';

const count = z.int().nonnegative();
const version = z.int({ error: 'the number of a version' }).min(1, { error: 'the number of a version' });
const base64Error = 'the value in base64, at most 64 KiB of it';
const passphraseError = 'a passphrase of 8 to 1024 characters';
const passphrase = z.string({ error: passphraseError }).min(8, { error: passphraseError }).max(1024, { error: passphraseError });
const placeError = 'the name of an app or environment';
const place = z.string({ error: placeError }).regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, { error: placeError });

export const secretName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
  error: 'the name of a secret: up to 128 letters, digits and _, no digit first',
});

export const secretsBody: z.ZodType<SecretsBody> = z
  .strictObject({
    secrets: z.array(
      z.strictObject({
        name: z.string(),
        versions: z.array(
          z.strictObject({ version: count, createdAt: z.iso.datetime(), bytes: count, usedBy: z.array(z.string()) }),
        ),
      }),
    ),
  })
  .meta({ id: 'Secrets' });

export const setSecretBody: z.ZodType<SetSecretBody> = z
  .strictObject({ value: z.base64({ error: base64Error }).max(90_000, { error: base64Error }) })
  .meta({ id: 'SetSecret' });

export const secretSetBody: z.ZodType<SecretSetBody> = z
  .strictObject({ name: z.string(), version: count, notes: z.array(z.string()) })
  .meta({ id: 'SecretSet' });

export const removeSecretBody: z.ZodType<RemoveSecretBody> = z
  .strictObject({ version: version.exactOptional(), force: z.boolean({ error: 'true or false' }).exactOptional() })
  .meta({ id: 'RemoveSecret' });

export const secretRemovedBody: z.ZodType<SecretRemovedBody> = z
  .strictObject({ name: z.string(), removed: z.array(count) })
  .meta({ id: 'SecretRemoved' });

export const keyRotatedBody: z.ZodType<KeyRotatedBody> = z.strictObject({ rewrapped: count }).meta({ id: 'KeyRotated' });

export const exportSecretsBody: z.ZodType<ExportSecretsBody> = z
  .strictObject({ passphrase, app: place.exactOptional(), environment: place.exactOptional() })
  .meta({ id: 'ExportSecrets' });

export const secretsExportBody: z.ZodType<SecretsExportBody> = z
  .strictObject({ document: z.string(), count })
  .meta({ id: 'SecretsExport' });

export const importSecretsBody: z.ZodType<ImportSecretsBody> = z
  .strictObject({ document: z.string({ error: 'what an export has written' }), passphrase })
  .meta({ id: 'ImportSecrets' });

export const secretsImportedBody: z.ZodType<SecretsImportedBody> = z
  .strictObject({ restored: count, kept: count })
  .meta({ id: 'SecretsImported' });
