import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nearest } from '../config/nearest.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ServiceSpec } from '../domain/spec.ts';

/** The nearest folder above with a signalbox.yaml, else the folder itself. */
export function appRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (['signalbox.yaml', 'signalbox.yml'].some((name) => existsSync(join(at, name)))) return at;
    if (existsSync(join(at, '.git')) || at === dirname(at)) return folder;
  }
}

/** Those that `--only` names. @throws WRONG_USAGE */
export function chosen(services: readonly ServiceSpec[], only: readonly string[] | undefined): readonly ServiceSpec[] {
  if (only === undefined) return services;
  for (const name of only) {
    if (services.some((service) => service.name === name)) continue;
    const names = services.map((service) => service.name as string);
    const meant = nearest(name, names);
    throw new SignalboxError(
      'WRONG_USAGE',
      `--only names ${name}, and there is no such service; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`,
      meant === undefined ? {} : { hint: `Did you mean ${meant}?` },
    );
  }
  return services.filter(({ name }) => only.includes(name));
}
