import type { Report } from './references.ts';
import type { AppFile } from './schema.ts';
import { secretNames } from './schema-secrets.ts';

/** A variable has one value: what is a secret is no variable at the same place. PORT and HOST are Signalbox's own. */
export function checkSecrets(file: AppFile, report: Report): void {
  for (const [name, service] of Object.entries(file.services ?? {})) {
    const at = ['services', name, 'secrets'];
    check(secretNames(service.secrets), service.env, at);
    if (service.static !== undefined && service.secrets !== undefined)
      report(at, 'a static service has no run time that could use a secret, and its files are public');
  }
  for (const [name, environment] of Object.entries(file.environments))
    check(secretNames(environment.secrets), environment.env, ['environments', name, 'secrets']);

  function check(secrets: Readonly<Record<string, string>>, env: Readonly<Record<string, unknown>>, at: readonly string[]): void {
    for (const variable of Object.keys(secrets)) {
      if (Object.hasOwn(env, variable)) report([...at], `${variable} stands under env as well: it is either a secret or not`);
      if (variable === 'PORT' || variable === 'HOST')
        report([...at], `${variable} says where an instance is reached and cannot be a secret`);
    }
  }
}
