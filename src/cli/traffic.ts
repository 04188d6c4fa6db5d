import type { TrafficBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { whoAsks } from './owner.ts';
import { environmentPath } from './paths.ts';
import { whichApp } from './which-app.ts';

const said = {
  hold: 'New requests wait until `signalbox traffic open`; the queue is bounded.',
  stop: 'Requests are answered with 503 until `signalbox traffic open`.',
  open: 'Requests are served.',
} as const;

export async function traffic(
  invocation: Invocation,
  kind: TrafficBody['kind'],
  options: { readonly message?: string; readonly owner?: string },
): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const app = await whichApp(invocation);
  const body: TrafficBody = { kind, ...(options.message === undefined ? {} : { message: options.message }) };
  const by = await whoAsks(invocation, options.owner);
  await (await invocation.api()).post(`${environmentPath(app, environment)}/traffic`, body, { by });
  terminal.result({ app, environment, traffic: kind });
  terminal.say(`${app}/${environment}: ${said[kind]}`);
  return exitCodes.done;
}
