import { SignalboxError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import { realStarts, type RolloutPlan, replicasAt } from '../domain/rollout/plan.ts';
import type { WorkloadId } from '../domain/values.ts';
import type { Runtime } from '../ports/runtime.ts';

/** What a deploy asks of this machine's memory, in MiB; null where nothing is known to estimate it from. */
export interface MemoryNeeds {
  readonly neededMb: number | null;
  readonly availableMb: number | null;
  /** What keeping the old release warm costs. */
  readonly warmMb: number | null;
}

export interface MemoryView {
  readonly runtime: Runtime;
  /** MiB that new processes can have without pushing others out; null when unknown. */
  readonly available: () => number | null;
}

/** What an accessory takes soon after its start, MiB. */
const typicalMb = { postgres: 64, redis: 16, mailcatcher: 64, pgadmin: 256, custom: 64 } as const;

/** Left alone for everything else on the machine. */
const reserveMb = 64;

/** New instances are taken to need what the old ones of the same service use, or their limit when there are none. */
export async function memoryNeeds(
  view: MemoryView,
  what: { release: Release; live: Release | null; plan: RolloutPlan },
): Promise<MemoryNeeds> {
  const used = new Map<WorkloadId, number[]>();
  for (const o of await view.runtime.observe())
    if (o.memory !== null) used.set(o.workload, [...(used.get(o.workload) ?? []), o.memory]);
  const perInstance = (service: string): number | null => {
    const old = what.live?.services.find((s) => s.service === service);
    const seen = old ? (used.get(old.workload.id) ?? []) : [];
    if (seen.length > 0) return Math.max(...seen) / 2 ** 20;
    return what.release.services.find((s) => s.service === service)?.workload.resources.memoryMb ?? null;
  };
  const starts = realStarts(what.plan);
  const known = starts.map((start) => {
    const each = perInstance(start.service);
    return each === null ? null : each * replicasAt(what.plan, start, what.plan.steps.length - 1);
  });
  const beside = (what.release.accessories ?? [])
    .filter((one) => what.plan.accessories?.some((planned) => planned.name === one.name && !planned.runs))
    .reduce((sum, one) => sum + (one.resources.memoryMb ?? typicalMb[one.type]), 0);
  const needed = known.every((n) => n !== null) ? known.reduce((a, n) => a + n, beside) : null;
  const startsOf = new Set(starts.map((s) => s.service));
  const replaced = what.live?.services.filter((s) => startsOf.has(s.service)) ?? [];
  const warm = replaced.flatMap((s) => used.get(s.workload.id) ?? []).reduce((a, n) => a + n, 0) / 2 ** 20;
  return {
    neededMb: needed === null ? null : Math.ceil(needed),
    availableMb: view.available(),
    warmMb: replaced.length === 0 ? 0 : Math.ceil(warm),
  };
}

/** @throws NOT_ENOUGH_MEMORY when it is known that both releases do not fit side by side. */
export function refuseWithoutMemory(needs: MemoryNeeds, warm: boolean): void {
  if (!warm || needs.neededMb === null || needs.availableMb === null) return;
  if (needs.neededMb + reserveMb <= needs.availableMb) return;
  throw new SignalboxError(
    'NOT_ENOUGH_MEMORY',
    `The new release needs about ${needs.neededMb} MiB beside the old one, and ${needs.availableMb} MiB are free.`,
  );
}
