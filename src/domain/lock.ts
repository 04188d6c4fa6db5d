import { SignalboxError } from './errors.ts';
import type { EnvironmentLock, EnvironmentState } from './environment-state.ts';
import type { WallTime } from './values.ts';

/** Who asks for something; null: nobody said. */
export type Asker = string | null;

/** @throws ENVIRONMENT_LOCKED when somebody else has it. @param what that is refused, as `A deploy`. */
export function refuseLocked(environment: Pick<EnvironmentState, 'key' | 'lock'>, by: Asker, what: string): void {
  const { lock } = environment;
  if (lock === undefined || lock.owner === by) return;
  throw lockedBy(environment.key, lock, `${what} of ${by ?? 'somebody who did not say who they are'} has to wait.`);
}

/** The lock that `wanted` leaves. Who has it already keeps its beginning. @throws ENVIRONMENT_LOCKED when somebody else has it. */
export function lockOver(environment: Pick<EnvironmentState, 'key' | 'lock'>, wanted: EnvironmentLock): EnvironmentLock {
  const { lock } = environment;
  if (lock === undefined) return wanted;
  if (lock.owner === wanted.owner) return { ...wanted, since: lock.since };
  throw lockedBy(environment.key, lock, `${wanted.owner} cannot lock it, too.`);
}

/** @throws ENVIRONMENT_LOCKED when the lock is somebody else's and is not taken by force. */
export function refuseUnlock(
  environment: Pick<EnvironmentState, 'key' | 'lock'>,
  { by, force }: { readonly by: Asker; readonly force: boolean },
): void {
  const { lock } = environment;
  if (lock === undefined || lock.owner === by || force) return;
  throw lockedBy(environment.key, lock, 'Only its owner takes it away, or whoever says --force.');
}

const lockedBy = (key: string, lock: EnvironmentLock, then: string): SignalboxError =>
  new SignalboxError(
    'ENVIRONMENT_LOCKED',
    `${key} is locked by ${lock.owner} since ${sinceText(lock.since)}: ${lock.reason.replace(/\.$/, '')}. ${then}`,
    { details: { owner: lock.owner, reason: lock.reason, since: new Date(lock.since).toISOString() } },
  );

/** `2026-11-22 20:04 UTC`. */
const sinceText = (at: WallTime): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
