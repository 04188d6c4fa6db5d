import { SignalboxError } from '../../../domain/errors.ts';
import { refuseUnusableSecret } from '../../../domain/secrets.ts';
import type { AppName, EnvironmentName, WallTime } from '../../../domain/values.ts';
import type { SecretRecord, SecretsArchive } from '../../../ports/secrets.ts';
import { openWith, readSealed, sealWith } from './passphrase.ts';
import { isVariable } from './secrets.ts';

const format = 'signalbox-secrets-1';

/**
 * Secrets sealed by a passphrase, for a backup or another installation: JSON
 * `{"format":"signalbox-secrets-1","kdf":{"name":"scrypt","n","r","p","salt"},"cipher":"aes-256-gcm","nonce","tag","data"}`, bytes in
 * base64, the format's name as associated data. Opened it is a JSON list of `{app, environment, name, version, createdAt, value}`.
 */
export const secretsArchive: SecretsArchive = {
  seal: async (records, passphrase) => {
    const rows = records.map(({ app, environment, name, version, createdAt, value }) => ({
      app,
      environment,
      name,
      version,
      createdAt,
      value: Buffer.from(value).toString('base64'),
    }));
    return `${JSON.stringify({ format, ...(await sealWith(passphrase, Buffer.from(JSON.stringify(rows)), format)) })}\n`;
  },
  open: async (document, passphrase) => {
    const body = parsed(document);
    const sealed = readSealed(body);
    if (sealed === undefined || (body as { format?: unknown }).format !== format)
      throw new SignalboxError('SECRET_REFUSED', 'The file is no export of secrets.', {
        hint: 'Give what `signalbox secrets export` has written.',
      });
    const data = await openWith(passphrase, sealed, format);
    if (data === null)
      throw new SignalboxError('SECRET_REFUSED', 'The passphrase does not open the file, or the file was changed.', {
        hint: 'Give the passphrase that it was exported with.',
      });
    const rows = parsed(data.toString('utf8'));
    if (!Array.isArray(rows)) throw new SignalboxError('SECRET_REFUSED', 'The file holds no list of secrets.');
    return rows.map(recordOf);
  },
};

const placeName = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** Whoever had the passphrase may have written anything: names become folders. */
function recordOf(row: unknown): SecretRecord {
  const { app, environment, name, version, createdAt, value } = (row ?? {}) as Record<string, unknown>;
  const named = (one: unknown): one is string => typeof one === 'string' && placeName.test(one);
  const numbered = Number.isSafeInteger(version) && Number(version) >= 1 && Number(version) < 1e9;
  if (!named(app) || !named(environment) || typeof name !== 'string' || typeof value !== 'string' || !numbered)
    throw new SignalboxError('SECRET_REFUSED', 'The file holds something that is no secret.');
  const bytes = Buffer.from(value, 'base64');
  refuseUnusableSecret(name, bytes.length);
  return {
    app: app as AppName,
    environment: environment as EnvironmentName,
    name,
    version: Number(version),
    createdAt: (Number.isSafeInteger(createdAt) ? Number(createdAt) : 0) as WallTime,
    bytes: bytes.length,
    variable: isVariable(bytes),
    value: bytes,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
