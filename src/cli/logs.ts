import type { LogBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import { untilInterrupted } from './interrupt.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { resumeStream } from './resume-stream.ts';
import { whichApp } from './which-app.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly release?: string;
  readonly tail?: number;
}

/** With `--json`: `{items}`, or one object per line when followed. */
export async function logs(invocation: Invocation, service: string | undefined, options: LogsOptions): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const { follow = false, release, tail = 100 } = options;
  const app = await whichApp(invocation);
  const api = await invocation.api();
  const path = (resumed: boolean): string => {
    const query = new URLSearchParams({ tail: String(resumed ? 0 : tail), follow: String(follow) });
    if (service !== undefined) query.set('service', service);
    if (release !== undefined) query.set('release', release);
    return `${environmentPath(app, environment)}/logs?${query.toString()}`;
  };
  const show = ({ service: name, instance, text }: LogBody): void =>
    terminal.quote(`${terminal.paint.cyan(`${name}.${instance.slice(instance.lastIndexOf('.') + 1)}`)} ${plain(text)}`);
  if (follow)
    return untilInterrupted(async (signal) => {
      for await (const { event, data } of resumeStream(api, { path, signal })) {
        if (event !== 'line') continue;
        terminal.result(data);
        show(data as LogBody);
      }
    });
  const items: LogBody[] = [];
  for await (const { event, data } of api.events(path(false))) {
    if (event !== 'line') continue;
    if (terminal.json) items.push(data as LogBody);
    else show(data as LogBody);
  }
  terminal.result({ items });
  return exitCodes.done;
}
