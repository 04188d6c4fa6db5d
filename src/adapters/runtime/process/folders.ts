import { join } from 'node:path';
import type { Workload } from '../../../domain/release.ts';
import type { Place } from './environment.ts';

/** Absolute folders of one installation. */
export interface Folders {
  /** `<app>/<build key>` below it, made by the builder. */
  readonly artifacts: string;
  /** Scratch copies and this runtime's own records. */
  readonly work: string;
  /** `<app>/<environment>/<folder in the repository>` below it. */
  readonly persist: string;
  /** `<app>/<environment>/<workload>/` below it. */
  readonly logs: string;
}

export const artifactOf = (folders: Folders, { artifact }: Workload): string =>
  join(folders.artifacts, artifact.app, artifact.key);

export const scratchOf = (folders: Folders, workload: string): string => join(folders.work, 'scratch', workload);

/** `copy`: the instance's number or a run's name. */
export function placeOf(folders: Folders, workload: Workload, copy: string): Place & { readonly base: string } {
  const base = join(scratchOf(folders, workload.id), copy);
  const root = join(base, 'app');
  return { base, root, cwd: join(root, workload.artifact.path), home: join(base, 'home'), temp: join(base, 'tmp') };
}

export const logFolderOf = (folders: Folders, { app, environment, id }: Pick<Workload, 'app' | 'environment' | 'id'>): string =>
  join(folders.logs, app, environment, id);

/** A folder counts by its place in the repository: two services that name the same one share it, others never collide. */
export const persistentOf = (folders: Folders, { app, environment, artifact }: Workload, folder: string): string =>
  join(folders.persist, app, environment, artifact.path, folder);
