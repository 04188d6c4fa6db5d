import { SignalboxError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import { secretNotes, type SecretUse, secretUses } from '../domain/secrets.ts';
import { environmentKey } from '../domain/values.ts';
import type { Clock } from '../ports/clock.ts';
import type { SecretPlace, Secrets, SecretsArchive } from '../ports/secrets.ts';
import type { Store } from '../ports/store.ts';
import type { SecretCommands } from './commands.ts';
import type { Mask } from './mask.ts';
import type { Plant } from './plant.ts';

export interface SecretCommandPorts {
  readonly plant: Plant;
  readonly store: Pick<Store, 'releases'>;
  readonly clock: Clock;
  readonly mask: Mask;
  /** Undefined: none are kept here. */
  readonly kept: { readonly secrets: Secrets; readonly archive: SecretsArchive } | undefined;
  readonly onFault: (error: unknown) => void;
}

const pageSize = 500;

/** What people may do with secrets. Events tell names and versions, never a value. */
export function createSecretCommands(ports: SecretCommandPorts): SecretCommands {
  const { plant, clock, mask } = ports;

  const place = (): NonNullable<SecretCommandPorts['kept']> => {
    if (ports.kept) return ports.kept;
    throw new SignalboxError('SECRETS_PROVIDER_MISSING', 'This installation keeps no secrets.');
  };

  async function keptReleases({ app, environment }: SecretPlace): Promise<readonly Release[]> {
    const key = environmentKey(app, environment);
    const all: Release[] = [];
    for (;;) {
      const last = all.at(-1);
      const page = await ports.store.releases(key, { limit: pageSize, ...(last === undefined ? {} : { before: last.id }) });
      all.push(...page);
      if (page.length < pageSize) return all;
    }
  }

  /** On record; the change itself is durable already. */
  const note = (type: string, of: Partial<SecretPlace>, body: Record<string, unknown>): Promise<void> =>
    plant.decide(() => Promise.resolve({ draft: { events: [{ type, at: clock.wall(), ...of, body }] }, result: undefined }));

  return {
    list: async ({ app, environment }) => {
      const known = await place().secrets.list({ app, environment });
      const uses = secretUses(await keptReleases({ app, environment }));
      return known.map(({ name, versions }) => ({
        name,
        versions: versions.map((one) => ({
          ...one,
          usedBy: uses.filter((use) => use.name === name && use.version === one.version).map(describeUse),
        })),
      }));
    },
    set: async ({ app, environment, name, value }) => {
      mask.learn([value]);
      const made = await place().secrets.set({ app, environment, name }, value);
      await note('secret.set', { app, environment }, { name, version: made.version });
      const characters = Buffer.from(value).toString('utf8').length;
      return { version: made.version, notes: secretNotes(name, { characters, variable: made.variable }) };
    },
    remove: async ({ app, environment, name, version, force }) => {
      const { secrets } = place();
      return plant.decide(async () => {
        const known = (await secrets.list({ app, environment })).find((one) => one.name === name)?.versions ?? [];
        const versions = known.map((one) => one.version).filter((one) => version === undefined || one === version);
        if (versions.length === 0)
          throw new SignalboxError(
            'NOT_FOUND',
            `There is no ${version === undefined ? '' : `version ${version} of the `}secret ${name} in ${app}/${environment}.`,
            { hint: 'See `signalbox secrets list`.' },
          );
        const uses = secretUses(await keptReleases({ app, environment })).filter(
          (use) => use.name === name && versions.includes(use.version),
        );
        if (uses.length > 0 && !force)
          throw new SignalboxError(
            'SECRET_IN_USE',
            `${name} of ${app}/${environment} is needed by ${[...new Set(uses.map(describeUse))].join(', ')}.`,
          );
        await secrets.remove({ app, environment, name }, versions);
        const event = { type: 'secret.removed', at: clock.wall(), app, environment, body: { name, versions } };
        return { draft: { events: [event] }, result: { removed: versions } };
      });
    },
    rotateKey: async () => {
      const done = await place().secrets.rotateKey();
      await note('secret.key-rotated', {}, done);
      return done;
    },
    export: async ({ app, environment, passphrase }) => {
      mask.learn([passphrase]);
      const { secrets, archive } = place();
      const all = await secrets.all(ports.onFault);
      const asked = all.filter(
        (one) => (app === undefined || one.app === app) && (environment === undefined || one.environment === environment),
      );
      const document = await archive.seal(asked, passphrase);
      await note('secret.exported', { ...(app && { app }), ...(environment && { environment }) }, { count: asked.length });
      return { document, count: asked.length };
    },
    import: async ({ document, passphrase }) => {
      mask.learn([passphrase]);
      const { secrets, archive } = place();
      const records = await archive.open(document, passphrase);
      mask.learn(records.map(({ value }) => value));
      let restored = 0;
      for (const record of records) if (await secrets.restore(record)) restored += 1;
      await note('secret.imported', {}, { restored });
      return { restored, kept: records.length - restored };
    },
  };
}

const describeUse = ({ release, service }: SecretUse): string => `${release} (${service})`;
