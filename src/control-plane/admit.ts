import type { EnvironmentState } from '../domain/environment-state.ts';
import { SignalboxError } from '../domain/errors.ts';
import { refuseLocked } from '../domain/lock.ts';
import type { ReleaseId, WallTime } from '../domain/values.ts';
import { type Closure, closureAt, type DeploySchedule, openingText } from '../domain/windows.ts';
import type { NewEvent } from '../ports/store.ts';
import type { DeployRequest } from './commands.ts';

/**
 * Whether a deploy may begin now: nobody else has locked the environment, and every schedule lets it through. Returns the closure that
 * was forced, null when there is none. @throws ENVIRONMENT_LOCKED, DEPLOY_WINDOW_CLOSED
 */
export function admit(
  environment: EnvironmentState,
  what: {
    readonly request: Pick<DeployRequest, 'by' | 'forceWindow'>;
    readonly schedules: readonly (DeploySchedule | undefined)[];
    readonly now: WallTime;
  },
): Closure | null {
  const { request, schedules, now } = what;
  refuseLocked(environment, request.by ?? null, 'The deploy');
  const known = schedules.filter((schedule) => schedule !== undefined);
  const closure = closureAt(known, now);
  if (closure === null || request.forceWindow !== undefined) return closure;
  throw new SignalboxError(
    'DEPLOY_WINDOW_CLOSED',
    `${environment.key} takes no deploys now: ${closure.because}; ${openingText(closure)}.`,
    { details: { nextOpening: closure.next === null ? null : new Date(closure.next).toISOString() } },
  );
}

/** Who went through a closed window, and why. */
export const windowForced = (
  request: DeployRequest,
  { release, closure, at }: { readonly release: ReleaseId; readonly closure: Closure; readonly at: WallTime },
): NewEvent => ({
  type: 'deploy.window-forced',
  at,
  app: request.app,
  environment: request.environment,
  body: { release, reason: request.forceWindow, closed: closure.because, by: request.by ?? null },
});
