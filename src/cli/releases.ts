import type { ListBody, ReleaseBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { ago, plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { whichApp } from './which-app.ts';

export async function releases(invocation: Invocation, options: { readonly limit?: number }): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const app = await whichApp(invocation);
  const body = await (await invocation.api()).get<ListBody<ReleaseBody>>(
    `${environmentPath(app, environment)}/releases?limit=${options.limit ?? 20}`,
  );
  terminal.result(body);
  const rows = body.items.map((one) => [
    one.release,
    one.state,
    `${one.sha.slice(0, 7)}${one.dirty ? '+' : ''}`,
    ago(one.createdAt, Date.now()),
    plain(one.subject),
  ]);
  for (const line of table(rows)) terminal.say(line);
  if (body.items.length === 0) terminal.say(`${app}/${environment} has no release yet.`);
  return exitCodes.done;
}
