import { SignalboxError } from '../../domain/errors.ts';
import type { Run, RunDeploy } from '../../domain/pipeline/run.ts';
import type { RunEvent } from '../../domain/pipeline/transition.ts';
import { isTerminal, type Rollout } from '../../domain/rollout/state.ts';
import { environmentKey, type RolloutId } from '../../domain/values.ts';
import type { Store } from '../../ports/store.ts';
import type { Commands } from '../commands.ts';
import type { Plant } from '../plant.ts';

export interface ShipPorts {
  readonly plant: Plant;
  readonly store: Pick<Store, 'releases' | 'rollouts' | 'rollout'>;
  readonly deploy: Commands['deploy'];
}

/** Releases looked through for the one that this run has asked for before. */
const lookBack = 20;

/** Asks for the rollout, once: after a crash between asking and writing it down the same one is found again. */
export async function ask(run: Run, one: RunDeploy, { store, deploy }: ShipPorts): Promise<RunEvent> {
  const { environment } = one;
  const key = environmentKey(run.app, environment);
  const earlier = (await store.releases(key, { limit: lookBack })).find((release) => release.run === run.id);
  const known =
    earlier === undefined
      ? undefined
      : (await store.rollouts({ environment: key }, { limit: lookBack * 2 })).find(({ release }) => release === earlier.id);
  if (known !== undefined) return { type: 'deploy-asked', environment, rollout: known.id };
  const { app, sha, dirty, folder, folderName } = run;
  try {
    const { rolloutId } = await deploy({ app, environment, sha, dirty, folder, folderName, run: run.id, by: run.cause.who });
    return { type: 'deploy-asked', environment, rollout: rolloutId };
  } catch (error) {
    if (!(error instanceof SignalboxError) || isPassing(error)) throw error;
    return { type: 'deploy-ended', environment, state: 'failed', reason: { code: error.code, message: error.message } };
  }
}

/** Its rollout has neither all the traffic nor ended. */
export function isUnderWay({ state, rollout }: RunDeploy, plant: Plant): boolean {
  const known = state === 'asked' && rollout !== null ? plant.rollout(rollout) : undefined;
  return known !== undefined && known.phase !== 'baking';
}

/** What has become of the rollout; null: it is under way, or waits for a person. */
export async function seen(one: RunDeploy, { plant, store }: ShipPorts): Promise<RunEvent | null> {
  const rollout = await find(one.rollout, { plant, store });
  const { environment } = one;
  if (rollout === null)
    return {
      type: 'deploy-ended',
      environment,
      state: 'failed',
      reason: { code: 'NOT_FOUND', message: `Rollout ${one.rollout ?? ''} is no longer on record.` },
    };
  if (rollout.phase === 'baking' || rollout.phase === 'succeeded') return { type: 'deploy-ended', environment, state: 'live' };
  if (!isTerminal(rollout.phase)) return null;
  const { reason, phase } = rollout;
  return {
    type: 'deploy-ended',
    environment,
    state: 'failed',
    reason: {
      code: reason?.code ?? 'DEPLOY_FAILED',
      message: reason?.message ?? `The rollout in ${environment} ended as ${phase}.`,
      ...(reason?.log === undefined ? {} : { log: reason.log }),
    },
  };
}

const find = async (id: RolloutId | null, { plant, store }: Pick<ShipPorts, 'plant' | 'store'>): Promise<Rollout | null> =>
  id === null ? null : (plant.rollout(id) ?? (await store.rollout(id)));

/** Our own trouble, which passes; a deploy that is refused for what it is will be refused again. */
const isPassing = ({ code }: SignalboxError): boolean =>
  [
    'STORE_STALLED',
    'STORE_UNREACHABLE',
    'STALE_EPOCH',
    'CONFLICT',
    'ENGINE_UNAVAILABLE',
    'RUNTIME_UNAVAILABLE',
    'DATA_PLANE_UNAVAILABLE',
  ].includes(code);
