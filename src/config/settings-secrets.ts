import { SignalboxError } from '../domain/errors.ts';

export const secretProviders = ['files', 'vault', 'aws'] as const;
export type SecretProvider = (typeof secretProviders)[number];

/** Where secrets are kept. */
export interface SecretSettings {
  /** SIGNALBOX_SECRETS. Default `files`: encrypted in the home. */
  readonly provider: SecretProvider;
  /** SIGNALBOX_SECRETS_PASSPHRASE: seals the key of the secrets. Null: the key lies in its file, for its owner alone. */
  readonly passphrase: string | null;
}

export const passphraseVariable = 'SIGNALBOX_SECRETS_PASSPHRASE';
const shortest = 8;

/** No error ever quotes the passphrase. @throws BAD_SETTING */
export function readSecretSettings(variables: Readonly<Record<string, string | undefined>>): SecretSettings {
  const named = variables['SIGNALBOX_SECRETS']?.trim() ?? '';
  const provider = secretProviders.find((one) => one === (named === '' ? 'files' : named));
  if (provider === undefined)
    throw new SignalboxError('BAD_SETTING', `SIGNALBOX_SECRETS is ${JSON.stringify(named)}; expected files, vault or aws.`, {
      details: { variable: 'SIGNALBOX_SECRETS' },
    });
  const passphrase = variables[passphraseVariable] ?? '';
  if (passphrase !== '' && passphrase.length < shortest)
    throw new SignalboxError('BAD_SETTING', `${passphraseVariable} is shorter than ${shortest} characters.`, {
      details: { variable: passphraseVariable },
    });
  return { provider, passphrase: passphrase === '' ? null : passphrase };
}
