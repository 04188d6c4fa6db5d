import { linkKey } from '../domain/links.ts';
import type { WorkloadId } from '../domain/values.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { Plant } from './plant.ts';

export interface Addresses {
  /** Base URL of the public HTTP listener, as reached from here. */
  http(): Promise<string>;
  /** What `${services.NAME.url}` means to a workload. */
  links(caller: WorkloadId): Promise<(service: string) => string>;
  /** How many link slots there are. */
  slots(): Promise<number>;
}

export function createAddresses({ plant, dataPlane }: { plant: Plant; dataPlane: DataPlane }): Addresses {
  return {
    http: async () => `http://127.0.0.1:${(await dataPlane.addresses()).http}`,
    slots: async () => (await dataPlane.links()).length,
    links: async (caller) => {
      const urls = await dataPlane.links();
      const slots = new Map(plant.environments().flatMap((e) => Object.entries(e.links)));
      return (service) => urls[slots.get(linkKey(caller, service)) ?? -1] ?? 'http://127.0.0.1:9/unresolved';
    },
  };
}
