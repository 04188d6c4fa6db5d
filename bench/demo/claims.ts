import type { RolloutBody } from '../../src/api/contract.ts';
import type { LoadReport } from '../load/contract.ts';
import type { DeployOutcome } from './place.ts';
import type { Slice } from './traffic.ts';

/** Everything the demo has seen, and nothing it has assumed. */
export interface Seen {
  /** The load client's own count, when all was over. */
  readonly load: LoadReport;
  /** What `deploy --json` printed. */
  readonly deploys: Readonly<Record<'v1' | 'v2' | 'v3', DeployOutcome & { readonly exitCode: number }>>;
  /** What the visitors got while v2's release was proven, and in the second after the rollback. */
  readonly whileV2: Slice;
  readonly afterRollback: Slice;
  /** What `status` says serves at the end, and what `rollouts` tells of it later. */
  readonly serving: string | null;
  readonly history: readonly RolloutBody[];
}

export interface Claim {
  readonly says: string;
  readonly holds: boolean;
  /** What was seen instead, for a claim that does not hold. */
  readonly seen: string;
}

/** Each sentence that the demo prints as a fact, held against what was seen. Pure. */
export function claimsOf({ load, deploys, whileV2, afterRollback, serving, history }: Seen): readonly Claim[] {
  const { v1, v2, v3 } = deploys;
  const told = history.find(({ id }) => id === v3.rolloutId);
  const lost = [v1, v2, v3].map(({ release, requests }) => `${release}: ${requests.dropped}`).join(', ');
  const sum = load.ok + load.appErrors + load.dropped + load.clientFaults;
  const onlyV2 = (slice: Slice): boolean => Object.keys(slice.answers).join() === 'v2' && slice.errors === 0;
  const claim = (says: string, holds: boolean, seen: unknown): Claim => ({ says, holds, seen: JSON.stringify(seen) });
  return [
    claim('v1 went live', v1.exitCode === 0 && v1.phase === 'succeeded', v1),
    claim('v2 went live under load', v2.exitCode === 0 && v2.phase === 'succeeded' && v2.switchMs !== null, v2),
    claim('v2 answered the visitors', onlyV2(whileV2), whileV2),
    claim('v3 started healthy and broke afterwards', (load.apps['v3']?.answers ?? 0) > load.appErrors && load.appErrors > 0, {
      answers: load.apps['v3']?.answers ?? 0,
      errors: load.appErrors,
    }),
    claim(
      'v3 was rolled back by itself, with a reason',
      v3.exitCode === 3 && v3.phase === 'rolled-back' && (v3.reason?.message ?? '') !== '' && v3.restoreMs !== null,
      v3,
    ),
    claim('the reason is in the history', told?.phase === 'rolled-back' && told.reason?.message === v3.reason?.message, told),
    claim('v2 serves again', serving === 'v2' && onlyV2(afterRollback), { serving, afterRollback }),
    claim('dropped 0, by the count of the clients', load.dropped === 0, load.firstDrops),
    claim(
      'dropped 0, by deploy --json',
      [v1, v2, v3].every(({ requests }) => requests.dropped === 0),
      lost,
    ),
    claim(
      'every request is accounted for',
      load.clientFaults === 0 && load.inFlight === 0 && sum === load.started && load.ok > 0,
      {
        started: load.started,
        ok: load.ok,
        firstClientFault: load.firstClientFault,
      },
    ),
  ];
}
