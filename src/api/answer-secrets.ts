import type { AppName, EnvironmentName } from '../domain/values.ts';
import type {
  KeyRotatedBody,
  SecretRemovedBody,
  SecretSetBody,
  SecretsBody,
  SecretsExportBody,
  SecretsImportedBody,
} from './contract.ts';
import { operations } from './operations.ts';
import type { ApiOptions } from './options.ts';
import { type Answers, appOf, environmentOf, readBody, secretOf } from './requests.ts';

/** An export of many secrets. */
const importBytes = 64 * 1024 * 1024;

/** What is taken here is never given back: answers have names, versions and counts. */
export function answerSecrets({ commands: { secrets } }: ApiOptions) {
  return {
    secrets: async (call) => {
      const listed = await secrets.list({ app: appOf(call), environment: environmentOf(call) });
      const body: SecretsBody = {
        secrets: listed.map(({ name, versions }) => ({
          name,
          versions: versions.map(({ version, createdAt, bytes, usedBy }) => ({
            version,
            createdAt: new Date(createdAt).toISOString(),
            bytes,
            usedBy,
          })),
        })),
      };
      return call.json(body);
    },
    'set-secret': async (call) => {
      const place = { app: appOf(call), environment: environmentOf(call), name: secretOf(call) };
      const { value } = await readBody(call, operations['set-secret'].request);
      const { version, notes } = await secrets.set({ ...place, value: Buffer.from(value, 'base64') });
      return call.json({ name: place.name, version, notes } satisfies SecretSetBody);
    },
    'remove-secret': async (call) => {
      const place = { app: appOf(call), environment: environmentOf(call), name: secretOf(call) };
      const { version, force = false } = await readBody(call, operations['remove-secret'].request);
      const { removed } = await secrets.remove({ ...place, force, ...(version === undefined ? {} : { version }) });
      return call.json({ name: place.name, removed } satisfies SecretRemovedBody);
    },
    'rotate-secrets-key': async (call) => call.json((await secrets.rotateKey()) satisfies KeyRotatedBody),
    'export-secrets': async (call) => {
      const { passphrase, app, environment } = await readBody(call, operations['export-secrets'].request);
      const sealed = await secrets.export({
        passphrase,
        ...(app === undefined ? {} : { app: app as AppName }),
        ...(environment === undefined ? {} : { environment: environment as EnvironmentName }),
      });
      return call.json(sealed satisfies SecretsExportBody);
    },
    'import-secrets': async (call) => {
      const body = await readBody(call, operations['import-secrets'].request, importBytes);
      return call.json((await secrets.import(body)) satisfies SecretsImportedBody);
    },
  } satisfies Partial<Answers>;
}
