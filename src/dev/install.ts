import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { packageOf } from '../domain/package-managers.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import { installOf } from './command.ts';
import type { FolderFacts } from './command.ts';
import { type LockFile, lockFile, type ServicePlace, upwards } from './folder.ts';
import type { Workplace } from './workplace.ts';

/** Something to install before a service can be developed. */
export interface Installation {
  readonly service: string;
  readonly command: string;
  /** Absolute folder to run it in. */
  readonly cwd: string;
  readonly because: string;
  /** What comes of it depends on: kept where we install for ourselves. */
  readonly from?: string;
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

export interface InstallFacts {
  readonly facts: FolderFacts;
  /** `--install`. */
  readonly allowed: boolean;
  readonly workplace: Workplace;
}

/**
 * What is missing. Done without asking where a lock file says exactly what comes of it.
 * @throws DEV_NOT_INSTALLED where there is none and `allowed` does not say to go on.
 */
export function installations(service: ServiceSpec, place: ServicePlace, given: InstallFacts): Installations {
  return node(service, place, given) ?? python(service, place, given.workplace) ?? { needed: undefined };
}

function node(service: ServiceSpec, place: ServicePlace, { facts, allowed, workplace }: InstallFacts): Installations | undefined {
  if (facts.manifest === null || facts.manifest.dependencies.size === 0) return undefined;
  const lock = lockFile(place);
  const there = upwards(place).find((at) => isFilled(workplace.seenAt(join(at, 'node_modules'))));
  const own = lock !== undefined && dirname(lock.file) === place.folder ? installOf(service.build) : undefined;
  if (workplace.packages !== undefined) {
    const cwd = lock === undefined ? place.folder : dirname(lock.file);
    const plain = own ?? (lock === undefined ? `${facts.manager} install` : commands[lock.manager]);
    const command = `${bringing(lock, cwd)}${plain}`;
    const from = hashOf(command, [lock?.file ?? join(place.folder, 'package.json'), join(cwd, 'package.json')]);
    if (there !== undefined && workplace.packages.madeFrom(cwd) === from) return { needed: undefined };
    const because =
      there === undefined ? 'its packages are made for its container' : 'what its packages are made from has changed';
    return { needed: { service: service.name, command, cwd, because, from } };
  }
  if (there !== undefined) {
    const marker = join(there, 'node_modules', '.package-lock.json');
    const old = lock !== undefined && existsSync(marker) && statSync(lock.file).mtimeMs > statSync(marker).mtimeMs + 2000;
    const note = old
      ? `${basename(lock.file)} is newer than node_modules: run ${commands[lock.manager]} if something is missing`
      : undefined;
    if (allowed && old)
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
  if (lock !== undefined)
    return {
      needed: {
        service: service.name,
        command: own ?? commands[lock.manager],
        cwd: dirname(lock.file),
        because: `there is no node_modules`,
      },
    };
  const command = `${facts.manager} install`;
  if (!allowed)
    throw new SignalboxError(
      'DEV_NOT_INSTALLED',
      `The dependencies of ${service.name} are not installed, and no lock file says which versions would come.`,
      { hint: `Run \`${command}\` in ${place.folder}, or start again with --install.` },
    );
  return { needed: { service: service.name, command, cwd: place.folder, because: 'there is no node_modules' } };
}

function python({ name, build }: ServiceSpec, place: ServicePlace, workplace: Workplace): Installations | undefined {
  const command = installOf(build);
  if (command === undefined || !/\bvenv\b/.test(command)) return undefined;
  const there = upwards(place).some((at) => isFilled(workplace.seenAt(join(at, '.venv'))));
  const needed = { service: name, command, cwd: place.folder };
  if (workplace.packages === undefined) return there ? undefined : { needed: { ...needed, because: 'there is no .venv' } };
  const lists = ['requirements.txt', 'pyproject.toml', 'poetry.lock', 'uv.lock', 'Pipfile.lock', 'setup.py'];
  const from = hashOf(
    command,
    lists.map((file) => join(place.folder, file)),
  );
  if (there && workplace.packages.madeFrom(place.folder) === from) return undefined;
  const because = there ? 'what its packages are made from has changed' : 'its packages are made for its container';
  return { needed: { ...needed, because, from } };
}

/** An empty folder may be the place where a container sees its own. */
const isFilled = (folder: string): boolean => existsSync(folder) && readdirSync(folder).length > 0;

/** Images of Node bring npm alone; npm brings the others. */
function bringing(lock: LockFile | undefined, cwd: string): string {
  if (lock === undefined || lock.manager === 'npm') return '';
  const read = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  const workspace = read(join(cwd, 'pnpm-workspace.yaml'));
  const wanted = packageOf(lock.manager, {
    declared: /"packageManager"\s*:\s*"([^"]+)"/.exec(read(join(cwd, 'package.json')) ?? '')?.[1],
    lock: lock.file.endsWith('.lockb') ? undefined : read(lock.file),
    ...(workspace === undefined ? {} : { workspaceKeys: [...workspace.matchAll(/^([\w-]+):/gm)].map((match) => match[1] ?? '') }),
  });
  return `npm install --global --no-fund --no-audit ${wanted} && `;
}

function hashOf(command: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(command);
  for (const file of files) if (existsSync(file)) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
}
