import { chown, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Workload } from '../../../domain/release.ts';
import { type BaseEnvironment, instanceEnvironment, type Place } from './environment.ts';
import { artifactOf, type Folders, persistentOf, placeOf } from './folders.ts';
import { below, copyArtifact, linkPersistent, type Owner, staysBelow } from './scratch.ts';
import { systemLaunch, type SystemLaunch, type SystemOptions } from './system/launch.ts';
import { obstacle, type Users } from './users.ts';

export interface PrepareOptions {
  readonly folders: Folders;
  readonly base: BaseEnvironment;
  /** Null: instances run as the user of this installation. */
  readonly users: Users | null;
  /** What to do when the instance's own user cannot reach what it needs: run it as root, or refuse. */
  readonly whenUnreachable: 'root' | 'refuse';
  readonly note: (text: string) => void;
  readonly system: SystemOptions;
}

export interface Prepared {
  /** Shell text to start: the one given, or that of a program of this system. */
  readonly command: string;
  readonly place: Place;
  readonly owner: Owner | null;
  readonly env: Readonly<Record<string, string>>;
}

export interface PrepareRequest {
  readonly workload: Workload;
  /** Names the scratch copy: an instance's number or a run's name. */
  readonly copy: string;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly listen: { readonly host: string; readonly port: number } | null;
}

/**
 * Makes a fresh scratch copy of the workload's artifact with its `persist` folders, owned by the user it will run as.
 * @throws ARTIFACT_MISSING, NO_SPACE, START_FAILED.
 */
export async function prepare(request: PrepareRequest, options: PrepareOptions): Promise<Prepared> {
  const { workload, copy, env: declared, listen } = request;
  const { folders, base, users, whenUnreachable, note } = options;
  const artifact = artifactOf(folders, workload);
  const [first] = workload.persist;
  const data = first === undefined ? undefined : persistentOf(folders, workload, first);
  const system = systemLaunch(workload, declared, { data, options: options.system });
  const command = system?.command ?? request.command;
  if (system === null && !(await stat(artifact).catch(() => null))?.isDirectory()) {
    throw new SignalboxError(
      'ARTIFACT_MISSING',
      `The artifact of ${workload.service} (${workload.artifact.key}) is not at ${artifact}.`,
    );
  }
  const place = placeOf(folders, workload, copy);
  const env = instanceEnvironment(workload, declared, { base, place, listen });
  const owner = users?.of(workload.app, workload.environment) ?? null;
  if (system && data !== undefined) await system.prepare(data, owner);
  await lay(workload, place, { artifact, folders, owner, system });
  const prepared = { command, place, env };
  if (!owner) return { ...prepared, owner };
  const blocked = obstacle(owner, place.cwd, env, system?.program ?? programOf(command));
  if (blocked === null) return { ...prepared, owner };
  const why = `${workload.app}/${workload.service} cannot run as its own user (${owner.uid}): ${blocked}`;
  if (whenUnreachable === 'refuse' || system?.neverRoot) {
    await rm(place.base, { recursive: true, force: true });
    throw new SignalboxError('START_FAILED', `${why}.`);
  }
  note(`${why}. It runs as root instead.`);
  return { ...prepared, owner: null };
}

interface Laying {
  readonly artifact: string;
  readonly folders: Folders;
  readonly owner: Owner | null;
  readonly system: SystemLaunch | null;
}

async function lay(
  workload: Workload,
  place: Place & { readonly base: string },
  { artifact, folders, owner, system }: Laying,
): Promise<void> {
  try {
    await rm(place.base, { recursive: true, force: true });
    await mkdir(dirname(place.base), { recursive: true });
    // Closed until it is whole: another copy of the app runs as its future owner and could lead us astray by links.
    await mkdir(place.base, { mode: 0o700 });
    if (system) await mkdir(place.cwd, { recursive: true });
    else await copyArtifact(artifact, place.root, owner);
    await system?.equip(place);
    for (const folder of [place.home, place.temp]) await mkdir(folder, { mode: 0o700 });
    for (const folder of workload.persist) {
      const inScratch = below(place.cwd, folder);
      if (inScratch === null) throw new SignalboxError('START_FAILED', `"${folder}" under persist leaves the service's folder.`);
      if (!(await staysBelow(place.root, dirname(inScratch))))
        throw new SignalboxError(
          'START_FAILED',
          `"${folder}" under persist lies behind a link that leads out of the repository.`,
        );
      const inArtifact = join(artifact, workload.artifact.path, folder);
      await linkPersistent({ inScratch, inArtifact, lasting: persistentOf(folders, workload, folder) }, owner);
    }
    const own = [place.base, place.home, place.temp, ...(system ? [place.root, place.cwd] : [])];
    if (owner) for (const folder of own) await chown(folder, owner.uid, owner.gid);
  } catch (cause) {
    await rm(place.base, { recursive: true, force: true }).catch(() => {});
    if (cause instanceof SignalboxError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC')
      throw new SignalboxError('NO_SPACE', `There is no room for a copy of ${workload.app}/${workload.service}.`, { cause });
    throw new SignalboxError('START_FAILED', `A copy of ${workload.app}/${workload.service} could not be made: ${message}`, {
      cause,
    });
  }
}

/** First word of a command line that is not a variable. */
const programOf = (command: string): string => /^(?:\s*\w+=\S*)*\s*(?:exec\s+)?([^\s;&|]+)/.exec(command)?.[1] ?? 'sh';
