import type { AcceptedBody, DeployBody, RolloutBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { outcomeOf } from './outcome.ts';
import { environmentPath } from './paths.ts';
import { watchRollout } from './rollout-view.ts';
import { submitRollout } from './submit-rollout.ts';
import { submitSource } from './submit-source.ts';

export interface DeployOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly diverged?: boolean;
  readonly strategy?: DeployBody['strategy'] & string;
  readonly until?: 'live';
  readonly detach?: boolean;
}

export async function deploy(invocation: Invocation, folder: string | undefined, options: DeployOptions): Promise<ExitCode> {
  const api = await invocation.api();
  const { app, body } = await submitSource(invocation, api, { folder, ...options });
  const accepted = await submitRollout(api, {
    path: environmentPath(app, invocation.environment),
    collection: 'deploys',
    body,
    isOurs: ({ kind, sha }) => kind === 'deploy' && sha === body.sha,
  });
  if (options.detach !== true) return watchRollout(invocation, api, { id: accepted.rolloutId, until: options.until ?? 'end' });
  return reportAccepted(invocation, accepted);
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
