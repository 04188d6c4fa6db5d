import type { DeployBody, PlanBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { submitSource } from './submit-source.ts';

export interface PlanOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly strategy?: DeployBody['strategy'] & string;
}

/** Exit code 1 when a deploy would be refused as things stand. */
export async function plan(invocation: Invocation, folder: string | undefined, options: PlanOptions): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const { paint } = terminal;
  const api = await invocation.api();
  const { app, body } = await submitSource(invocation, api, { folder, ...options });
  const preview = await api.post<PlanBody>(`${environmentPath(app, environment)}/plan`, body);
  terminal.result({ app, environment, ...preview });
  terminal.say(paint.bold(`A deploy would make ${preview.release} of ${app}/${environment}:`));
  for (const [index, operation] of preview.operations.entries()) terminal.say(`  ${index + 1}. ${plain(operation)}`);
  terminal.say(`memory: ${memoryLine(preview.memory)}`);
  for (const note of preview.notes) terminal.say(`${paint.yellow('note:')} ${plain(note)}`);
  if (preview.refused === undefined) return exitCodes.done;
  terminal.say(`${paint.red('refused:')} ${plain(preview.refused.message)} [${preview.refused.code}]`);
  return exitCodes.failed;
}

function memoryLine({ neededMb, availableMb, warmMb }: PlanBody['memory']): string {
  const amount = (mb: number | null): string => (mb === null ? 'an unknown amount' : `${Math.round(mb)} MiB`);
  return `needs ${amount(neededMb)}, of which ${amount(warmMb)} keep the old release warm; ${amount(availableMb)} available`;
}
