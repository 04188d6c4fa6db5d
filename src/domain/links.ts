import { SignalboxError } from './errors.ts';
import type { EnvironmentState } from './environment-state.ts';
import type { Workload } from './release.ts';
import type { WorkloadId } from './values.ts';

const reference = /\$\{services\.([a-z0-9-]+)\.url\}/g;
const toAccessory = /\$\{accessories\.([a-z0-9-]+)\.([a-z]+)\}/g;

/** Services that a workload's variables refer to, each once. */
export function referencesOf(workload: Workload): readonly string[] {
  const names = Object.values(workload.env).flatMap((value) => [...value.matchAll(reference)].map((m) => m[1] ?? ''));
  return [...new Set(names)];
}

export const linkKey = (caller: WorkloadId, service: string): string => `${caller}>${service}`;

export const accessoryReference = (accessory: string, field: string): string => `\${accessories.${accessory}.${field}}`;

/** Accessories that variables refer to, each once. */
export function accessoriesIn(env: Readonly<Record<string, string>>): readonly string[] {
  return [...new Set(Object.values(env).flatMap((value) => [...value.matchAll(toAccessory)].map((m) => m[1] ?? '')))];
}

/**
 * The variables with every reference replaced by the address that `urlOf` gives for the service, and by what `accessory` gives for
 * an accessory's field.
 */
export function resolveReferences(
  env: Readonly<Record<string, string>>,
  urlOf: (service: string) => string,
  accessory: (name: string, field: string) => string = accessoryReference,
): Record<string, string> {
  const resolved = (value: string): string =>
    value
      .replaceAll(reference, (_, service: string) => urlOf(service))
      .replaceAll(toAccessory, (_, name: string, field: string) => accessory(name, field));
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, resolved(value)]));
}

/**
 * Gives every reference of the workloads a slot, keeping the ones that are in use, dropping those of workloads that are gone.
 * Slots are shared by all environments of the installation.
 * @throws LINKS_EXHAUSTED
 */
export function allocateLinks(input: {
  readonly environment: EnvironmentState;
  readonly others: readonly EnvironmentState[];
  readonly workloads: readonly Workload[];
  readonly keep: ReadonlySet<WorkloadId>;
  readonly slots: number;
}): Readonly<Record<string, number>> {
  const kept = Object.entries(input.environment.links).filter(([key]) =>
    input.keep.has(key.slice(0, key.indexOf('>')) as WorkloadId),
  );
  const links = Object.fromEntries(kept);
  const taken = new Set([...Object.values(links), ...input.others.flatMap((e) => Object.values(e.links))]);
  for (const workload of input.workloads) {
    for (const service of referencesOf(workload)) {
      const key = linkKey(workload.id, service);
      if (links[key] !== undefined) continue;
      const slot = Array.from({ length: input.slots }, (_, i) => i).find((i) => !taken.has(i));
      if (slot === undefined)
        throw new SignalboxError(
          'LINKS_EXHAUSTED',
          `All ${input.slots} release-local addresses are in use; ${workload.service} needs one for ${service}.`,
        );
      links[key] = slot;
      taken.add(slot);
    }
  }
  return links;
}
