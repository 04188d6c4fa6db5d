import type { PlanBody } from '../api/contract.ts';
import type { ApiClient } from './client.ts';
import { refuseLonelyOptions } from './deploy.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { whoAsks } from './owner.ts';
import { environmentPath } from './paths.ts';
import { planPromotion, type PromotionOptions, promotedApp, promotionBody } from './submit-promotion.ts';
import { submitSource } from './submit-source.ts';

export interface PlanOptions extends PromotionOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly diverged?: boolean;
  readonly owner?: string;
}

/** Exit code 1 when a deploy would be refused as things stand. */
export async function plan(invocation: Invocation, folder: string | undefined, options: PlanOptions): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const { paint } = terminal;
  const api = await invocation.api();
  refuseLonelyOptions(options);
  const by = await whoAsks(invocation, options.owner);
  const { app, preview } = await previewed(invocation, api, { folder, by, options });
  terminal.result({ app, environment, ...preview });
  terminal.say(paint.bold(`A deploy would make ${preview.release} of ${app}/${environment}:`));
  const digits = String(preview.operations.length).length;
  for (const [index, operation] of preview.operations.entries())
    terminal.say(`  ${String(index + 1).padStart(digits)}. ${plain(operation)}`);
  terminal.say(`memory: ${memoryLine(preview.memory)}`);
  for (const note of preview.notes) terminal.say(`${paint.yellow('note:')} ${plain(note)}`);
  if (preview.refused === undefined) return exitCodes.done;
  terminal.say(`${paint.red('refused:')} ${plain(preview.refused.message)} [${preview.refused.code}]`);
  return exitCodes.failed;
}

async function previewed(
  invocation: Invocation,
  api: ApiClient,
  what: { readonly folder: string | undefined; readonly by: string; readonly options: PlanOptions },
): Promise<{ readonly app: string; readonly preview: PlanBody }> {
  const { folder, by, options } = what;
  const { environment } = invocation;
  if (options.from !== undefined) {
    const app = await promotedApp(invocation, folder);
    return { app, preview: await planPromotion(api, { app, environment, body: promotionBody(options.from, options), by }) };
  }
  const { app, body } = await submitSource(invocation, api, { folder, ...options });
  return { app, preview: await api.post<PlanBody>(`${environmentPath(app, environment)}/plan`, body, { by }) };
}

function memoryLine({ neededMb, availableMb, warmMb }: PlanBody['memory']): string {
  const needs = neededMb === null ? 'needs what is not known before it has run once' : `needs ${mebibytes(neededMb)}`;
  const warm =
    warmMb === 0 ? '' : `, of which ${warmMb === null ? 'an unknown amount' : mebibytes(warmMb)} keep the old release warm`;
  return `${needs}${neededMb === null ? '' : warm}; ${availableMb === null ? 'an unknown amount' : mebibytes(availableMb)} available`;
}

const mebibytes = (mb: number): string => `${Math.round(mb)} MiB`;
