import type { EnvironmentState } from '../domain/environment-state.ts';
import type { Release } from '../domain/release.ts';
import { isTerminal, type Rollout } from '../domain/rollout/state.ts';
import type { ReleaseId } from '../domain/values.ts';
import type { StoredEvent } from '../ports/store.ts';
import type { EventBody, ReleaseBody } from './contract.ts';
import { isoTime, releaseName } from './present-rollout.ts';

export function presentRelease(release: Release, state: ReleaseBody['state']): ReleaseBody {
  return {
    id: release.id,
    release: releaseName(release.id),
    sha: release.sha,
    subject: release.subject,
    dirty: release.dirty,
    createdAt: isoTime(release.createdAt),
    state,
    services: release.services.map(({ service, workload }) => ({ name: service, kind: workload.kind, workload: workload.id })),
  };
}

/**
 * `live`: has traffic and answers for the environment. `candidate`: being rolled out. `warm`: runs without traffic, one route
 * change away. `kept`: can be rolled back to after a start.
 */
export function stateOfRelease(
  id: ReleaseId,
  environment: EnvironmentState | null,
  rollouts: readonly Rollout[],
): ReleaseBody['state'] {
  const active = rollouts.filter((rollout) => !isTerminal(rollout.phase));
  const arm = environment?.arms.find((one) => one.release === id && one.weight > 0);
  if (arm !== undefined) return arm.role === 'stable' || environment?.arms.length === 1 ? 'live' : 'candidate';
  if (active.some((rollout) => rollout.release === id)) return 'candidate';
  return active.some((rollout) => rollout.plan.warm && (rollout.from === id || rollout.fallback === id)) ? 'warm' : 'kept';
}

export function presentEvent(event: StoredEvent): EventBody {
  return {
    sequence: event.sequence,
    type: event.type,
    at: isoTime(event.at),
    ...(event.app === undefined ? {} : { app: event.app }),
    ...(event.environment === undefined ? {} : { environment: event.environment }),
    ...(event.rollout === undefined ? {} : { rollout: event.rollout }),
    body: event.body,
  };
}
