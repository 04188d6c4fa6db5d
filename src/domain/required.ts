import { SignalboxError } from './errors.ts';
import type { EnvironmentView } from './environment.ts';
import type { ServiceSpec } from './spec.ts';

/**
 * Refuses an environment in which a service lacks a variable that it requires (`requires` in signalbox.yaml). A name counts as given
 * with any value but an empty text; PORT and HOST are always given.
 * @throws VARIABLE_MISSING with every service, name and place
 */
export function refuseMissingVariables(view: EnvironmentView): void {
  const missing = view.services.flatMap((service) =>
    (service.requires ?? [])
      .filter(({ name }) => name !== 'PORT' && name !== 'HOST' && !isGiven(service, name))
      .map(({ name, line, column }) => ({ service: service.name, name, at: placeOf(line, column) })),
  );
  if (missing.length === 0) return;
  const words = missing.map(({ service, name, at }) => `${service} needs ${name}${at === '' ? '' : ` (${at})`}`);
  throw new SignalboxError('VARIABLE_MISSING', `In ${view.environment} variables are missing: ${words.join(', ')}.`, {
    hint: `Give them a value under \`env\` of the service, or under \`environments: ${view.environment}: env\` in signalbox.yaml; a secret is named under \`secrets\`.`,
    details: { missing },
  });
}

const isGiven = ({ env, secrets = {} }: ServiceSpec, name: string): boolean =>
  Object.hasOwn(secrets, name) || (env[name] ?? '') !== '';

const placeOf = (line: number | undefined, column: number | undefined): string =>
  line === undefined ? '' : `signalbox.yaml:${line}:${column ?? 1}`;
