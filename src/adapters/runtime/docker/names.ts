import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Workload } from '../../../domain/release.ts';

/** `<workload>.<n>`. */
export const instanceId = (workload: string, n: number): string => `${workload}.${n}`;
export const workloadOfInstance = (id: string): string => id.slice(0, id.lastIndexOf('.'));
export const numberOfInstance = (id: string): number => Number(id.slice(id.lastIndexOf('.') + 1));

/** Names of everything that an installation makes in the engine begin like this. */
export const prefixOf = (homeId: string): string => `signalbox-${homeId}-`;

/** A point is in no name: `shop` in `preview-x` is not `shop-preview` in `x`. */
export const networkName = (
  homeId: string,
  { app, environment }: { readonly app: string; readonly environment: string },
): string => `${prefixOf(homeId)}${app}.${environment}`;

/** Short and safe as a file and container name, apart from every instance's id. */
export const runId = (id: string): string =>
  /^[\w.-]{1,80}$/.test(id) ? `run-${id}` : `run-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;

export function labelsOf(
  homeId: string,
  workload: Workload,
  of: { readonly instance?: string; readonly run?: string },
): Record<string, string> {
  return {
    'signalbox.installation': homeId,
    'signalbox.app': workload.app,
    'signalbox.environment': workload.environment,
    'signalbox.service': workload.service,
    'signalbox.workload': workload.id,
    ...(of.instance === undefined ? {} : { 'signalbox.instance': of.instance }),
    ...(of.run === undefined ? {} : { 'signalbox.run': of.run }),
  };
}

/** Absolute folders of one installation. */
export interface DockerFolders {
  /** The warden's own records. They hold secrets: 0700. */
  readonly warden: string;
  /** The warden's socket; at most 100 bytes long. */
  readonly socket: string;
  /** `<app>/<environment>/<folder in the repository>` below it; images made elsewhere: `<app>/<environment>/.given/<service>/<path>`. */
  readonly persist: string;
  /** `<app>/<environment>/<workload>/` below it. */
  readonly logs: string;
}

/** What is kept of removed containers: `<number of the instance>.log`. */
export const logFolderOf = (
  logs: string,
  { app, environment, id }: { readonly app: string; readonly environment: string; readonly id: string },
): string => join(logs, app, environment, id);
