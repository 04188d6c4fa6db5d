import { secretsArchive } from './adapters/secrets/files/archive.ts';
import { openFileSecrets } from './adapters/secrets/files/secrets.ts';
import type { HomeLayout } from './config/home.ts';
import type { SecretProvider, SecretSettings } from './config/settings-secrets.ts';
import { SignalboxError } from './domain/errors.ts';
import type { Clock } from './ports/clock.ts';
import type { Secrets, SecretsArchive } from './ports/secrets.ts';

/** Named so that nobody who asks for one of them gets another one unawares. */
const missing: Readonly<Record<Exclude<SecretProvider, 'files'>, string>> = {
  vault: 'HashiCorp Vault (its KV engine over HTTP, with a token or an AppRole)',
  aws: 'AWS Secrets Manager (its HTTP API, with signed requests)',
};

/** Where this installation keeps its secrets. @throws SECRETS_LOCKED, SECRETS_PROVIDER_MISSING */
export async function openSecrets(
  settings: SecretSettings,
  on: { readonly home: HomeLayout; readonly clock: Clock },
): Promise<{ readonly secrets: Secrets; readonly archive: SecretsArchive }> {
  const { provider, passphrase } = settings;
  if (provider !== 'files')
    throw new SignalboxError(
      'SECRETS_PROVIDER_MISSING',
      `SIGNALBOX_SECRETS is ${provider}, and what talks to ${missing[provider]} is not part of this version.`,
    );
  const { home, clock } = on;
  const secrets = await openFileSecrets({
    folder: home.secrets,
    keyFile: home.secretsKey,
    passphrase,
    wall: () => clock.wall(),
  });
  return { secrets, archive: secretsArchive };
}
