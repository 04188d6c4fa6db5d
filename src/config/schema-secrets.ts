import { z } from 'zod';

/** Secrets that services are given as variables; values never stand in a file. */

const nameError = 'a name of letters, digits and _ that does not start with a digit';
const name = () => z.string({ error: nameError }).regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: nameError });
const form = 'a list of names such as [STRIPE_KEY], or VARIABLE: NAME_OF_THE_SECRET';

/** @param description sentence about who gets them. */
export const secretsKey = (description: string) =>
  z
    .union([z.array(name(), { error: form }), z.record(name(), name(), { error: form })], { error: form })
    .optional()
    .meta({
      description: `${description} Set with \`signalbox secrets set NAME\`. The newest version is frozen into the release. Default: none.`,
    });

export type SecretsFile = readonly string[] | Readonly<Record<string, string>> | undefined;

export function completeSecrets(given: SecretsFile): { readonly secrets?: Readonly<Record<string, string>> } {
  const secrets = secretNames(given);
  return Object.keys(secrets).length === 0 ? {} : { secrets };
}

/** Variable -> secret. */
export const secretNames = (given: SecretsFile): Readonly<Record<string, string>> =>
  Array.isArray(given)
    ? Object.fromEntries((given as readonly string[]).map((one) => [one, one]))
    : { ...(given as Readonly<Record<string, string>> | undefined) };
