import type { AcceptedBody, RolloutBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { outcomeOf } from './outcome.ts';
import { whoAsks } from './owner.ts';
import { environmentPath } from './paths.ts';
import { watchRollout } from './rollout-view.ts';
import { type PromotionOptions, promotedApp, promotionBody, submitPromotion } from './submit-promotion.ts';
import { submitRollout } from './submit-rollout.ts';
import { submitSource } from './submit-source.ts';

export interface DeployOptions extends PromotionOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly diverged?: boolean;
  readonly owner?: string;
  readonly until?: 'live';
  readonly detach?: boolean;
}

export async function deploy(invocation: Invocation, folder: string | undefined, options: DeployOptions): Promise<ExitCode> {
  refuseLonelyOptions(options);
  const api = await invocation.api();
  const by = await whoAsks(invocation, options.owner);
  const accepted =
    options.from === undefined
      ? await deploySource(invocation, api, { folder, by, options })
      : await submitPromotion(api, {
          app: await promotedApp(invocation, folder),
          environment: invocation.environment,
          body: promotionBody(options.from, options),
          by,
        });
  if (options.detach !== true) return watchRollout(invocation, api, { id: accepted.rolloutId, until: options.until ?? 'end' });
  return reportAccepted(invocation, accepted);
}

async function deploySource(
  invocation: Invocation,
  api: ApiClient,
  what: { readonly folder: string | undefined; readonly by: string; readonly options: DeployOptions },
): Promise<AcceptedBody> {
  const { folder, by, options } = what;
  const { app, body } = await submitSource(invocation, api, { folder, ...options });
  return submitRollout(api, {
    path: environmentPath(app, invocation.environment),
    collection: 'deploys',
    body,
    by,
    isOurs: ({ kind, sha }) => kind === 'deploy' && sha === body.sha,
  });
}

/** @throws WRONG_USAGE for what means something with `--from` alone. */
export function refuseLonelyOptions({ from, release, force }: PromotionOptions): void {
  if (from !== undefined || (release === undefined && force === undefined)) return;
  const option = release === undefined ? '--force' : '--release';
  throw new SignalboxError('WRONG_USAGE', `${option} goes with --from: it says what of another environment is deployed.`, {
    hint: 'To serve an earlier release of this environment again, use `signalbox rollback --to v3`.',
  });
}

/** For `--detach`: the rollout as it is at this moment. */
export async function reportAccepted(invocation: Invocation, accepted: AcceptedBody): Promise<ExitCode> {
  const { terminal } = invocation;
  const api = await invocation.api();
  terminal.result(outcomeOf(await api.get<RolloutBody>(`/v1/rollouts/${accepted.rolloutId}`), true));
  terminal.say(
    `${accepted.release} is being rolled out; follow it with \`signalbox rollouts show ${accepted.rolloutId} --follow\`.`,
  );
  return exitCodes.done;
}
