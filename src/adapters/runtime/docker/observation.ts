import { isAccessoryId } from '../../../domain/accessories.ts';
import type { InstanceId, WallTime, WorkloadId } from '../../../domain/values.ts';
import type { InstanceObservation } from '../../../ports/runtime.ts';
import { workloadOfInstance } from './names.ts';
import type { ContainerState } from './protocol.ts';

/** An instance in the port's words. */
export function observationOf(state: ContainerState, memory: number | null): InstanceObservation {
  const { id, endpoint, listening, startedAt, restarts, lastExit, fault, labels } = state;
  const workload = workloadOfInstance(id) as WorkloadId;
  return {
    instance: id as InstanceId,
    workload,
    state: state.state,
    endpoint,
    listening,
    // By name: whoever was told it keeps it when the container gets another address.
    ...(isAccessoryId(workload)
      ? { inside: endpoint && { host: labels['signalbox.service'] ?? endpoint.host, port: endpoint.port } }
      : {}),
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
