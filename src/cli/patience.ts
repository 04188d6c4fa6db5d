import { setTimeout as pause } from 'node:timers/promises';
import { SignalboxError } from '../domain/errors.ts';
import { RefusedError } from './failure.ts';

/** How long a control plane that was there a moment ago may be away. */
export const patienceMs = 60_000;

/** The control plane is away or being replaced; the same call may succeed in a moment. */
export const isPassing = (error: unknown): boolean =>
  (error instanceof RefusedError && ['SHUTTING_DOWN', 'STALE_EPOCH'].includes(error.problem.code)) ||
  (error instanceof SignalboxError && error.code === 'CONTROL_PLANE_UNREACHABLE');

/** Makes a call that may be repeated until a control plane that was there a moment ago answers it. Throws what the last try threw. */
export async function patiently<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + patienceMs;
  for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || performance.now() + wait > deadline) throw error;
    }
    await pause(wait);
  }
}
