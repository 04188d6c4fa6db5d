import { linkKey, resolveReferences } from '../domain/links.ts';
import type { Workload } from '../domain/release.ts';
import type { WorkloadId } from '../domain/values.ts';
import type { DataPlane } from '../ports/data-plane.ts';
import type { Accessories } from './accessories.ts';
import type { Plant } from './plant.ts';
import type { SecretLookUp } from './secret-values.ts';

export interface Addresses {
  /** Base URL of the public HTTP listener, as reached from here. */
  http(): Promise<string>;
  /**
   * The variables of a workload with every reference resolved and its secrets; null while one of its accessories has no address yet.
   * @throws SECRET_MISSING, SECRET_DAMAGED
   */
  variables(workload: Workload): Promise<Variables | null>;
  /** How many link slots there are. */
  slots(): Promise<number>;
}

export interface Variables {
  readonly env: Readonly<Record<string, string>>;
  /** See `EnsureOptions.follows`. */
  readonly follows?: string;
}

export function createAddresses(ports: {
  plant: Plant;
  dataPlane: DataPlane;
  accessories: Accessories;
  secrets: SecretLookUp;
}): Addresses {
  const { plant, dataPlane, accessories, secrets } = ports;
  /** What `${services.NAME.url}` means to a workload. */
  const links = async (caller: WorkloadId): Promise<(service: string) => string> => {
    const urls = await dataPlane.links();
    const slots = new Map(plant.environments().flatMap((e) => Object.entries(e.links)));
    return (service) => urls[slots.get(linkKey(caller, service)) ?? -1] ?? 'http://127.0.0.1:9/unresolved';
  };
  return {
    http: async () => `http://127.0.0.1:${(await dataPlane.addresses()).http}`,
    slots: async () => (await dataPlane.links()).length,
    variables: async (workload) => {
      const found = await accessories.lookUp(workload);
      if (found === null) return null;
      const env = resolveReferences(workload.env, await links(workload.id), found.value);
      return {
        env: { ...env, ...(await secrets.of(workload)) },
        ...(found.follows === undefined ? {} : { follows: found.follows }),
      };
    },
  };
}
