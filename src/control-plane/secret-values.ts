import { SignalboxError } from '../domain/errors.ts';
import type { Release, Workload } from '../domain/release.ts';
import { secretMissing, secretsOf } from '../domain/secrets.ts';
import type { SecretPlace, SecretValues, Secrets } from '../ports/secrets.ts';
import type { Mask } from './mask.ts';

/** Values on their way to what is started. The mask knows each before anybody else does. */
export interface SecretLookUp {
  /** Variable -> value, of the versions that the workload froze. @throws SECRET_MISSING, SECRET_DAMAGED */
  of(workload: Workload): Promise<Readonly<Record<string, string>>>;
  /** For steps: see `SecretValues`. */
  readonly valuesFor: SecretValues;
  /** A way back needs the versions it was made with. @throws SECRET_MISSING */
  refuseMissing(release: Release): Promise<void>;
}

/** @param secrets undefined: none are kept here, so whoever names one lacks it. */
export function createSecretLookUp(secrets: Secrets | undefined, mask: Mask): SecretLookUp {
  async function value(place: SecretPlace, name: string, version: number): Promise<string> {
    if (secrets === undefined) throw secretMissing({ ...place, name });
    const bytes = await secrets.reveal({ ...place, name }, version);
    mask.learn([bytes]);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new SignalboxError('SECRET_REFUSED', `The value of ${name} is no text and cannot be given as a variable.`, { cause });
    }
  }

  return {
    of: async (workload) => {
      const { app, environment } = workload;
      const entries = Object.entries(workload.secrets ?? {});
      const values = await Promise.all(
        entries.map(async ([variable, { name, version }]) => [variable, await value({ app, environment }, name, version)]),
      );
      return Object.fromEntries(values) as Record<string, string>;
    },
    valuesFor: async ({ app, environment, names }) => {
      const known = names.length === 0 ? [] : ((await secrets?.list({ app, environment })) ?? []);
      const values = await Promise.all(
        names.map(async (name) => {
          const newest = known.find((one) => one.name === name)?.versions.at(-1);
          if (newest === undefined) throw secretMissing({ app, environment, name });
          return [name, await value({ app, environment }, name, newest.version)];
        }),
      );
      return Object.fromEntries(values) as Record<string, string>;
    },
    refuseMissing: async (release) => {
      const { app, environment } = release;
      const needed = release.services.flatMap(({ service, workload }) =>
        secretsOf(workload).map((reference) => ({ service, ...reference })),
      );
      const known = needed.length === 0 ? [] : ((await secrets?.list({ app, environment })) ?? []);
      for (const { service, name, version } of needed) {
        const kept = known.find((one) => one.name === name)?.versions.some((one) => one.version === version);
        if (kept !== true)
          throw new SignalboxError(
            'SECRET_MISSING',
            `v${release.number} of ${app}/${environment} needs version ${version} of the secret ${name} for ${service}, which was removed.`,
            { hint: 'Put it back with `signalbox secrets import`, or deploy the same commit anew with the newest version.' },
          );
      }
    },
  };
}
