import type { InstanceId, WallTime, WorkloadId } from '../../../domain/values.ts';
import type { InstanceObservation } from '../../../ports/runtime.ts';
import { workloadOfInstance } from './names.ts';
import type { ContainerState } from './protocol.ts';

/** An instance in the port's words. */
export function observationOf(state: ContainerState, memory: number | null): InstanceObservation {
  const { id, endpoint, listening, startedAt, restarts, lastExit, fault } = state;
  return {
    instance: id as InstanceId,
    workload: workloadOfInstance(id) as WorkloadId,
    state: state.state,
    endpoint,
    listening,
    startedAt: startedAt as WallTime | null,
    restarts,
    lastExit: lastExit && {
      code: lastExit.code,
      signal: lastExit.signal,
      reason: lastExit.reason,
      at: lastExit.at as WallTime,
    },
    fault,
    memory,
  };
}
