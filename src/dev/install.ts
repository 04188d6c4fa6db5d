import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import { installOf } from './command.ts';
import type { FolderFacts } from './command.ts';
import { lockFile, type ServicePlace, upwards } from './folder.ts';

/** Something to install before a service can be developed. */
export interface Installation {
  readonly service: string;
  readonly command: string;
  /** Absolute folder to run it in. */
  readonly cwd: string;
  readonly because: string;
}

export interface Installations {
  readonly needed: Installation | undefined;
  /** Dependencies are there but may be old. */
  readonly note?: string;
}

const commands = {
  npm: 'npm ci',
  pnpm: 'pnpm install --frozen-lockfile',
  yarn: 'yarn install',
  bun: 'bun install --frozen-lockfile',
} as const;

/**
 * What is missing. Done without asking where a lock file says exactly what comes of it.
 * @throws DEV_NOT_INSTALLED where there is none and `allowed` does not say to go on.
 */
export function installations(
  service: ServiceSpec,
  place: ServicePlace,
  given: { readonly facts: FolderFacts; readonly allowed: boolean },
): Installations {
  return node(service, place, given) ?? python(service, place) ?? { needed: undefined };
}

function node(
  service: ServiceSpec,
  place: ServicePlace,
  { facts, allowed }: { readonly facts: FolderFacts; readonly allowed: boolean },
): Installations | undefined {
  if (facts.manifest === null || facts.manifest.dependencies.size === 0) return undefined;
  const lock = lockFile(place);
  const there = upwards(place).find((at) => existsSync(join(at, 'node_modules')));
  if (there !== undefined) {
    const marker = join(there, 'node_modules', '.package-lock.json');
    const old = lock !== undefined && existsSync(marker) && statSync(lock.file).mtimeMs > statSync(marker).mtimeMs + 2000;
    const note = old
      ? `${basename(lock.file)} is newer than node_modules: run ${commands[lock.manager]} if something is missing`
      : undefined;
    if (given(allowed, old) && lock !== undefined)
      return {
        needed: {
          service: service.name,
          command: commands[lock.manager],
          cwd: dirname(lock.file),
          because: `${basename(lock.file)} is newer than node_modules`,
        },
      };
    return { needed: undefined, ...(note === undefined ? {} : { note }) };
  }
  if (lock !== undefined) {
    const own = dirname(lock.file) === place.folder ? installOf(service.build) : undefined;
    return {
      needed: {
        service: service.name,
        command: own ?? commands[lock.manager],
        cwd: dirname(lock.file),
        because: `there is no node_modules`,
      },
    };
  }
  const command = `${facts.manager} install`;
  if (!allowed)
    throw new SignalboxError(
      'DEV_NOT_INSTALLED',
      `The dependencies of ${service.name} are not installed, and no lock file says which versions would come.`,
      { hint: `Run \`${command}\` in ${place.folder}, or start again with --install.` },
    );
  return { needed: { service: service.name, command, cwd: place.folder, because: 'there is no node_modules' } };
}

const given = (allowed: boolean, old: boolean): boolean => allowed && old;

function python({ name, build }: ServiceSpec, place: ServicePlace): Installations | undefined {
  const command = installOf(build);
  if (command === undefined || !/\bvenv\b/.test(command)) return undefined;
  if (upwards(place).some((at) => existsSync(join(at, '.venv')))) return undefined;
  return { needed: { service: name, command, cwd: place.folder, because: 'there is no .venv' } };
}
