import type { Workload } from '../../../domain/release.ts';
import type { Network } from './namespaces.ts';

/** What the keeper gives back with each instance, so that a new control plane knows it without records of its own. */
export interface Labels extends Readonly<Record<string, string>> {
  readonly workload: string;
  readonly app: string;
  readonly environment: string;
  readonly service: string;
  /** Where it is told to listen; empty for workers. */
  readonly host: string;
  readonly port: string;
  /** Our end of its network's pair of interfaces, or empty. */
  readonly network: string;
}

export function labelsOf(
  workload: Workload,
  listen: { readonly host: string; readonly port: number } | null,
  network: Network | null,
): Labels {
  return {
    workload: workload.id,
    app: workload.app,
    environment: workload.environment,
    service: workload.service,
    host: listen === null ? '' : (network?.address ?? listen.host),
    port: listen === null ? '' : `${listen.port}`,
    network: network?.device ?? '',
  };
}

export function endpointOf(labels: Readonly<Record<string, string>>): { readonly host: string; readonly port: number } | null {
  return labels['host'] && labels['port'] ? { host: labels['host'], port: Number(labels['port']) } : null;
}

/** `<workload>.<n>`. */
export const instanceId = (workload: string, n: number): string => `${workload}.${n}`;
export const workloadOfInstance = (id: string): string => id.slice(0, id.lastIndexOf('.'));
export const numberOfInstance = (id: string): number => Number(id.slice(id.lastIndexOf('.') + 1));
