import type { AcceptedBody, ListBody, RolloutBody } from '../api/contract.ts';
import type { ApiClient } from './client.ts';
import { RefusedError } from './failure.ts';
import { isPassing, patiently } from './patience.ts';

export interface RolloutRequest {
  /** Of the environment. */
  readonly path: string;
  readonly collection: 'deploys' | 'rollbacks' | 'promotions';
  readonly body: unknown;
  /** Who asks. */
  readonly by?: string;
  /** Tells a rollout of this request from others. */
  readonly isOurs: (rollout: RolloutBody) => boolean;
}

/**
 * Asks for a rollout exactly once, though the control plane may die between deciding and answering: then the newest rollouts tell
 * whether it had decided. @throws CONTROL_PLANE_UNREACHABLE at once when it was not there to begin with.
 */
export async function submitRollout(
  api: ApiClient,
  { path, collection, body, by, isOurs }: RolloutRequest,
): Promise<AcceptedBody> {
  const newest = async (): Promise<readonly RolloutBody[]> => {
    try {
      return (await api.get<ListBody<RolloutBody>>(`${path}/rollouts?limit=20`)).items;
    } catch (error) {
      if (error instanceof RefusedError && error.problem.code === 'NOT_FOUND') return [];
      throw error;
    }
  };
  const before = new Set((await newest()).map((rollout) => rollout.id));
  const ask = (): Promise<AcceptedBody> => api.post<AcceptedBody>(`${path}/${collection}`, body, { by });
  try {
    return await ask();
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
  return patiently(async () => {
    const accepted = (await newest()).find((rollout) => !before.has(rollout.id) && isOurs(rollout));
    return accepted === undefined ? ask() : { rolloutId: accepted.id, release: accepted.release };
  });
}
