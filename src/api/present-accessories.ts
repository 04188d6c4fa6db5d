import { accessoryId, describeAccessory } from '../domain/accessories.ts';
import type { EnvironmentState } from '../domain/environment-state.ts';
import type { InstanceObservation } from '../ports/runtime.ts';
import type { AccessoryStatusBody } from './contract.ts';

/** A workload is well, or why not, as the monitor sees it; by workload. */
export type Healths = ReadonlyMap<string, { readonly healthy: boolean; readonly detail: string | null }>;

/** Each accessory of an environment as it runs. Nothing here gives away a password. */
export function presentAccessories(
  environment: EnvironmentState,
  observed: readonly InstanceObservation[],
  healths: Healths,
): readonly AccessoryStatusBody[] {
  return Object.values(environment.accessories ?? {}).map((spec): AccessoryStatusBody => {
    const id = accessoryId(environment.app, environment.environment, spec.name);
    const instance = observed.find((one) => one.workload === id);
    const health = healths.get(id);
    const why = instance?.fault?.message ?? (health?.healthy === false ? health.detail : null);
    return {
      name: spec.name,
      what: describeAccessory(spec),
      state: instance?.state ?? 'stopped',
      healthy: health?.healthy ?? false,
      address: instance?.endpoint ? `${instance.endpoint.host}:${instance.endpoint.port}` : null,
      restarts: instance?.restarts ?? 0,
      memoryMb: instance?.memory == null ? null : Math.round(instance.memory / 1024 ** 2),
      ...(why == null ? {} : { fault: why }),
    };
  });
}
