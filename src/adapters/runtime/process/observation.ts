import type { InstanceId, WallTime, WorkloadId } from '../../../domain/values.ts';
import type { InstanceState } from '../../../keeper/protocol.ts';
import type { InstanceObservation } from '../../../ports/runtime.ts';
import { endpointOf, workloadOfInstance } from './labels.ts';

export type Fault = NonNullable<InstanceObservation['fault']>;

/** An instance in the port's words. A stray has no workload on record; its id still names one. */
export function observationOf(
  state: InstanceState,
  known: {
    readonly fault: Fault | null;
    readonly memory: number | null;
    readonly listens: boolean;
    /** It listened there before, in an earlier life at least. */
    readonly hasListened: boolean;
  },
): InstanceObservation {
  const { labels, lastExit } = state;
  const stray = labels['stray'] === 'true';
  return {
    instance: state.id as InstanceId,
    workload: (labels['workload'] ?? workloadOfInstance(state.id)) as WorkloadId,
    state: state.state,
    endpoint: known.hasListened && (state.state === 'running' || state.state === 'backing-off') ? endpointOf(labels) : null,
    listening: known.listens,
    inside: endpointOf(labels),
    startedAt: state.startedAt as WallTime | null,
    restarts: state.restarts,
    lastExit: lastExit && { code: lastExit.code, signal: lastExit.signal, reason: lastExit.reason, at: lastExit.at as WallTime },
    fault: stray ? { code: 'STRAY', message: `${state.id} runs without being on record; it is being stopped.` } : known.fault,
    memory: known.memory,
  };
}
