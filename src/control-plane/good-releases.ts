import type { Rollout } from '../domain/rollout/state.ts';
import type { ReleaseId } from '../domain/values.ts';

/** Rollouts looked through for good releases. */
export const lookBack = 100;

/** Releases that stood their bake and were not left by a rollback since, newest first. `rollouts`: newest first. */
export function goodOnes(rollouts: readonly Rollout[]): readonly ReleaseId[] {
  const good: ReleaseId[] = [];
  for (const { release, kind, phase } of [...rollouts].reverse()) {
    if (phase !== 'succeeded') continue;
    if (kind === 'rollback' && good.includes(release)) good.length = good.indexOf(release);
    good.push(release);
  }
  return good.reverse();
}
