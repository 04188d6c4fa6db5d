import type { Rollout } from '../rollout/state.ts';
import type { CommitStatus } from './status-request.ts';

/** What is to be read beside a commit while its release is rolled out, and after. @param release e.g. `v3` */
export function statusOfRollout(
  rollout: Pick<Rollout, 'phase' | 'reason' | 'traffic'>,
  release: string,
): Pick<CommitStatus, 'state' | 'description'> {
  const { phase, reason, traffic } = rollout;
  const because = reason === null ? '' : `: ${reason.message}`;
  switch (phase) {
    case 'queued':
      return { state: 'pending', description: `${release} waits for its turn` };
    case 'preparing':
      return { state: 'pending', description: `${release} is being built` };
    case 'starting':
    case 'verifying':
      return { state: 'pending', description: `${release} is being started and checked` };
    case 'shifting':
      return { state: 'pending', description: `${release} is getting traffic` };
    case 'baking':
      return { state: 'pending', description: `${release} is live and being watched` };
    case 'held':
      return { state: 'pending', description: `${release} is held${because}` };
    case 'rolling-back':
      return { state: 'pending', description: `${release} is being undone${because}` };
    case 'succeeded':
      return {
        state: 'success',
        description: `${release} is live; ${traffic.served} requests served, ${traffic.dropped} dropped`,
      };
    case 'rolled-back':
      return { state: 'failure', description: `${release} was rolled back${because}` };
    case 'failed':
      return { state: 'failure', description: `${release} was not released${because}` };
    case 'cancelled':
      return { state: 'failure', description: `${release} was called off${because}` };
    case 'superseded':
      return { state: 'failure', description: `${release} gave way to a newer deploy` };
  }
}
