import { setTimeout as pause } from 'node:timers/promises';
import type { RolloutBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { RefusedError } from './failure.ts';
import { patienceMs as defaultPatienceMs, isPassing } from './patience.ts';

export interface Following {
  readonly id: string;
  /** `end`: until it has ended or waits for a person; `live`: until all traffic is on it, too. */
  readonly until: 'end' | 'live';
  readonly signal: AbortSignal;
  readonly onRollout: (body: RolloutBody) => void;
  readonly onLine: (line: { readonly service: string; readonly line: string }) => void;
  /** The control plane has gone; it is being looked for. */
  readonly onLost?: () => void;
  /** How long a control plane may be away. Default 60 s. */
  readonly patienceMs?: number;
}

/**
 * Watches a rollout over any number of restarts of the control plane and returns the last state seen; null when the signal
 * aborted first. @throws CONTROL_PLANE_UNREACHABLE when it stays away, RefusedError when it knows no such rollout.
 */
export async function followRollout(api: ApiClient, following: Following): Promise<RolloutBody | null> {
  const { id, signal, onLost, patienceMs = defaultPatienceMs } = following;
  let seen: RolloutBody | null = null;
  let lastContact = performance.now();
  for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 2000)) {
    try {
      for await (const { event, data } of api.events(`/v1/rollouts/${encodeURIComponent(id)}/watch`, { signal })) {
        lastContact = performance.now();
        wait = 100;
        if (event === 'log') following.onLine(data as { service: string; line: string });
        if (event !== 'rollout') continue;
        seen = data as RolloutBody;
        following.onRollout(seen);
        if (isSettled(seen, following.until)) return seen;
      }
    } catch (error) {
      if (signal.aborted) break;
      if (!isPassing(error) && !(error instanceof RefusedError && error.problem.retryable)) throw error;
      if (performance.now() - lastContact > patienceMs) throw gone(following.id, patienceMs, error);
    }
    onLost?.();
    await pause(wait, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

/** Nothing more happens without a person: ended, or held for a reason of its own. A pause is somebody's and will end. */
export const isSettled = (body: RolloutBody, until: 'end' | 'live'): boolean =>
  body.ended || (until === 'live' && body.live) || (body.phase === 'held' && body.reason?.code !== 'PAUSED');

const gone = (id: string, patienceMs: number, cause: unknown): SignalboxError =>
  new SignalboxError('CONTROL_PLANE_UNREACHABLE', `The control plane has not answered for ${Math.round(patienceMs / 1000)} s.`, {
    cause,
    hint: `The rollout goes on when it is back; follow it with \`signalbox rollouts show ${id} --follow\`.`,
    details: { rolloutId: id },
  });
