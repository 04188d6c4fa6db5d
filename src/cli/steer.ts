import type { SteeredBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { whoAsks } from './owner.ts';
import { environmentPath } from './paths.ts';
import { whichApp } from './which-app.ts';

const said = {
  promote: 'skips its remaining steps',
  abort: 'is being undone',
  pause: 'is paused; go on with `signalbox resume`',
  resume: 'goes on',
} as const;

/** The running rollout of the environment, or the one that is named. */
export async function steer(
  invocation: Invocation,
  verb: keyof typeof said,
  options: { readonly rollout?: string; readonly owner?: string },
): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const api = await invocation.api();
  const path =
    options.rollout === undefined
      ? `${environmentPath(await whichApp(invocation), environment)}/rollout/${verb}`
      : `/v1/rollouts/${encodeURIComponent(options.rollout)}/${verb}`;
  const { rolloutId } = await api.post<SteeredBody>(path, {}, { by: await whoAsks(invocation, options.owner) });
  terminal.result({ rolloutId, verb });
  terminal.say(`Rollout ${rolloutId} ${said[verb]}.`);
  return exitCodes.done;
}
