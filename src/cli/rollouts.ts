import type { ListBody, RolloutBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { ago, duration, plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { describeOutcome, outcomeOf } from './outcome.ts';
import { environmentPath } from './paths.ts';
import { headline, renderProgress } from './progress.ts';
import { watchRollout } from './rollout-view.ts';
import { whichApp } from './which-app.ts';

export async function rollouts(invocation: Invocation, options: { readonly limit?: number }): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const app = await whichApp(invocation);
  const body = await (await invocation.api()).get<ListBody<RolloutBody>>(
    `${environmentPath(app, environment)}/rollouts?limit=${options.limit ?? 20}`,
  );
  terminal.result(body);
  const rows = body.items.map((one) => [
    one.id,
    one.kind,
    one.release,
    one.phase,
    duration(one.durationMs),
    ago(one.createdAt, Date.now()),
    plain(one.reason?.message ?? ''),
  ]);
  for (const line of table(rows)) terminal.say(line);
  if (body.items.length === 0) terminal.say(`${app}/${environment} has no rollout yet.`);
  return exitCodes.done;
}

/** With `--follow`: waits for its end, with the exit codes of a deploy. */
export async function showRollout(invocation: Invocation, id: string, options: { readonly follow?: boolean }): Promise<ExitCode> {
  const { terminal } = invocation;
  const api = await invocation.api();
  const body = await api.get<RolloutBody>(`/v1/rollouts/${encodeURIComponent(id)}`);
  if (options.follow === true) return watchRollout(invocation, api, { id: body.id, until: 'end' });
  terminal.result({ ...body, ...outcomeOf(body) });
  if (body.ended) {
    terminal.say(headline(body, terminal.paint));
    for (const line of describeOutcome(body, terminal.paint)) terminal.say(line);
    return exitCodes.done;
  }
  const facts = {
    body,
    elapsedMs: body.durationMs,
    running: new Map<string, number>(),
    line: null,
    lost: false,
    columns: terminal.columns(),
    tick: 0,
  };
  for (const line of renderProgress(facts, terminal.paint)) terminal.say(line);
  return exitCodes.done;
}
