import type { EventBody, ListBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import { untilInterrupted } from './interrupt.ts';
import type { Invocation } from './invocation.ts';
import { resumeStream } from './resume-stream.ts';
import type { Paint } from './terminal.ts';
import { whichApp } from './which-app.ts';

export interface EventsOptions {
  readonly follow?: boolean;
  readonly limit?: number;
}

/** Of every app; with `--app` or `--env` of these. Followed with `--json`: one object per line. */
export async function events(invocation: Invocation, { follow = false, limit = 50 }: EventsOptions): Promise<ExitCode> {
  const { terminal } = invocation;
  const query = new URLSearchParams({ limit: String(limit) });
  if (invocation.app !== undefined) query.set('app', await whichApp(invocation));
  if (invocation.environmentGiven) query.set('environment', invocation.environment);
  const api = await invocation.api();
  const path = `/v1/events?${query.toString()}`;
  const show = (event: EventBody): void => terminal.say(describeEvent(event, terminal.paint));
  if (!follow) {
    const body = await api.get<ListBody<EventBody>>(path);
    terminal.result(body);
    body.items.forEach(show);
    return exitCodes.done;
  }
  return untilInterrupted(async (signal) => {
    for await (const { event, data } of resumeStream(api, { path: () => path, signal })) {
      if (event !== 'event') continue;
      terminal.result(data);
      show(data as EventBody);
    }
  });
}

export function describeEvent(event: EventBody, paint: Paint): string {
  const where = event.app === undefined ? '' : ` ${event.app}/${event.environment ?? ''}`.replace(/\/$/, '');
  const facts = Object.entries(event.body)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return `${paint.dim(event.at)} ${paint.bold(event.type)}${where}${event.rollout === undefined ? '' : ` ${event.rollout}`} ${plain(facts.join(' '))}`.trimEnd();
}
