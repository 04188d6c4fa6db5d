import { SignalboxError } from './errors.ts';
import type { Release, SecretReference, Workload } from './release.ts';
import { shortestMasked } from './secret-forms.ts';
import type { ServiceName, WallTime } from './values.ts';

/** Rules about secrets; values are none of its business. */

export interface SecretVersion {
  /** From 1 on, per app, environment and name. */
  readonly version: number;
  readonly createdAt: WallTime;
  /** Of the value. */
  readonly bytes: number;
  /** It can be given as a variable: UTF-8 without NUL. */
  readonly variable: boolean;
}

export interface SecretSummary {
  readonly name: string;
  /** Newest last; never empty. */
  readonly versions: readonly SecretVersion[];
}

/** Variable -> secret. */
export type SecretNames = Readonly<Record<string, string>>;
export type FrozenSecrets = Readonly<Record<string, SecretReference>>;

export const secretNamePattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** Bytes of one value. */
export const largestSecret = 64 * 1024;

/** @throws SECRET_REFUSED */
export function refuseUnusableSecret(name: string, bytes: number): void {
  if (!secretNamePattern.test(name))
    throw new SignalboxError(
      'SECRET_REFUSED',
      `${JSON.stringify(name.slice(0, 60))} is no name of a secret: expected up to 128 letters, digits and _, no digit first.`,
    );
  if (bytes === 0) throw new SignalboxError('SECRET_REFUSED', `The value of ${name} is empty.`);
  if (bytes > largestSecret)
    throw new SignalboxError('SECRET_REFUSED', `The value of ${name} has ${bytes} bytes; at most ${largestSecret} are kept.`);
}

/** What whoever sets a value should know about it. */
export function secretNotes(name: string, value: { readonly characters: number; readonly variable: boolean }): readonly string[] {
  return [
    ...(value.characters < shortestMasked
      ? [`${name} has fewer than ${shortestMasked} characters: so short a value is not masked in logs`]
      : []),
    ...(value.variable ? [] : [`${name} is no text (or holds a NUL byte): it cannot be given to a service as a variable`]),
  ];
}

export interface MissingSecret {
  readonly app: string;
  readonly environment: string;
  readonly name: string;
  /** Who names it: "api", "step test". */
  readonly by?: string;
}

export const secretMissing = ({ app, environment, name, by }: MissingSecret): SignalboxError =>
  new SignalboxError(
    'SECRET_MISSING',
    by === undefined
      ? `The secret ${name} is not set in ${app}/${environment}.`
      : `${by} needs the secret ${name}, which is not set in ${app}/${environment}.`,
    { hint: `Set it: signalbox secrets set ${name} --app ${app} --env ${environment}` },
  );

/**
 * The newest version of each secret that a service names.
 * @throws SECRET_MISSING; SECRET_REFUSED for a value that is no text.
 */
export function freezeSecrets(
  names: SecretNames,
  known: readonly SecretSummary[],
  of: { readonly app: string; readonly environment: string; readonly service: ServiceName },
): FrozenSecrets {
  return Object.fromEntries(
    Object.entries(names).map(([variable, name]) => {
      const newest = known.find((one) => one.name === name)?.versions.at(-1);
      if (newest === undefined) throw secretMissing({ ...of, name, by: of.service });
      if (!newest.variable)
        throw new SignalboxError(
          'SECRET_REFUSED',
          `${of.service} names the secret ${name} of ${of.app}/${of.environment}, whose value is no text and cannot be given as a variable.`,
        );
      return [variable, { name, version: newest.version }];
    }),
  );
}

/** What a release changes about the secrets of services that run, in sentences: each of them is started again. */
export function secretChanges(next: Release, live: Release | null): readonly string[] {
  return next.services.flatMap(({ service, workload }) => {
    const before = live?.services.find((one) => one.service === service)?.workload;
    if (before === undefined) return [];
    const [was, is] = [before.secrets ?? {}, workload.secrets ?? {}];
    const changes = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort().flatMap((variable) => {
      const [old, now] = [was[variable], is[variable]];
      if (old?.name === now?.name && old?.version === now?.version) return [];
      const [from, to] = [old && `${old.name} v${old.version}`, now && `${now.name} v${now.version}`];
      if (from === undefined) return [`${variable} is new (${to})`];
      return [to === undefined ? `${variable} is no longer given` : `${variable} changes from ${from} to ${to}`];
    });
    return changes.length === 0 ? [] : [`secrets of ${service}: ${changes.join(', ')}; it is started again`];
  });
}

export interface SecretUse extends SecretReference {
  readonly release: string;
  readonly service: ServiceName;
}

/** Which releases need which versions. */
export const secretUses = (releases: readonly Release[]): readonly SecretUse[] =>
  releases.flatMap((release) =>
    release.services.flatMap(({ service, workload }) =>
      secretsOf(workload).map((reference) => ({ ...reference, release: `v${release.number}`, service })),
    ),
  );

export const secretsOf = (workload: Workload): readonly SecretReference[] => Object.values(workload.secrets ?? {});
