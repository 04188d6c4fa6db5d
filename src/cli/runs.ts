import type { ListBody, RunBody, StartedRunBody, StartRunBody, StepLogBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { ago, duration, plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { userName } from './run.ts';
import { changes, describeRun, watchRun } from './run-view.ts';
import { whichApp } from './which-app.ts';

export interface RunsRequest {
  readonly act: 'list' | 'show' | 'logs' | 'cancel' | 'retry';
  readonly id?: string;
  readonly step?: string;
}

export interface RunsOptions {
  readonly follow?: boolean;
  readonly find?: string;
  readonly limit?: number;
}

export async function runs(invocation: Invocation, request: RunsRequest, options: RunsOptions): Promise<ExitCode> {
  const api = await invocation.api();
  if (request.act === 'list') return list(invocation, api, options);
  const body = await chosen(invocation, api, request.id);
  switch (request.act) {
    case 'show':
      return options.follow === true ? watchRun(invocation, api, body.id) : show(invocation, body);
    case 'logs':
      return logs(invocation, api, { body, step: request.step, find: options.find });
    case 'cancel':
      await api.post(`${pathOf(body)}/cancel`, { who: userName() });
      invocation.terminal.result({ runId: body.id });
      invocation.terminal.say(`Run ${body.id} is being ended. What it has shipped stays: \`signalbox rollback\` undoes that.`);
      return exitCodes.done;
    case 'retry':
      return retry(invocation, api, body);
  }
}

async function list(invocation: Invocation, api: ApiClient, { limit = 20 }: RunsOptions): Promise<ExitCode> {
  const { terminal } = invocation;
  const app = await whichApp(invocation);
  const body = await api.get<ListBody<RunBody>>(`/v1/apps/${encodeURIComponent(app)}/runs?limit=${limit}`);
  terminal.result(body);
  const rows = body.items.map((one) => [
    one.id,
    one.phase,
    one.ref?.replace(/^refs\/(?:heads|tags)\//, '') ?? '',
    one.sha.slice(0, 7),
    duration(one.durationMs),
    ago(one.createdAt, Date.now()),
    plain(one.reason?.message ?? one.subject),
  ]);
  for (const line of table(rows)) terminal.say(line);
  if (body.items.length === 0) terminal.say(`${app} has no run yet.`);
  return exitCodes.done;
}

/** The run of that id, else the newest one of the app. @throws NOT_FOUND */
async function chosen(invocation: Invocation, api: ApiClient, id: string | undefined): Promise<RunBody> {
  if (id !== undefined) return api.get<RunBody>(`/v1/runs/${encodeURIComponent(id)}`);
  const app = await whichApp(invocation);
  const [newest] = (await api.get<ListBody<RunBody>>(`/v1/apps/${encodeURIComponent(app)}/runs?limit=1`)).items;
  if (newest === undefined) throw new SignalboxError('NOT_FOUND', `${app} has no run yet.`);
  return newest;
}

function show({ terminal }: Invocation, body: RunBody): ExitCode {
  terminal.result(body);
  for (const line of changes(null, body, terminal.paint)) terminal.say(line);
  if (body.ended) for (const line of describeRun(body, terminal)) terminal.say(line);
  return exitCodes.done;
}

async function logs(
  { terminal }: Invocation,
  api: ApiClient,
  { body, step, find }: { readonly body: RunBody; readonly step: string | undefined; readonly find: string | undefined },
): Promise<ExitCode> {
  const steps = step === undefined ? body.steps.filter(({ tries }) => tries > 0).map(({ name }) => name) : [step];
  const query = find === undefined ? '' : `&find=${encodeURIComponent(find)}`;
  for (const name of steps)
    for (let after = 0; ; ) {
      const page = await api.get<StepLogBody>(
        `${pathOf(body)}/steps/${encodeURIComponent(name)}/log?after=${after}&limit=5000${query}`,
      );
      for (const { number, text } of page.lines) {
        terminal.result({ step: name, number, text });
        terminal.quote(steps.length > 1 ? `${name} | ${plain(text)}` : plain(text));
      }
      if (page.lines.length < 5000) break;
      after = page.next;
    }
  return exitCodes.done;
}

/** The same commit once more; steps that passed are not done again. */
async function retry(invocation: Invocation, api: ApiClient, body: RunBody): Promise<ExitCode> {
  if (!body.ended)
    throw new SignalboxError('CONFLICT', `Run ${body.id} is still ${body.phase}.`, { hint: 'Wait for its end, or cancel it.' });
  const asked: StartRunBody = {
    sha: body.sha,
    dirty: body.dirty,
    folder: body.folder,
    folderName: body.folderName,
    environments: body.deploys.map(({ environment }) => environment),
    retryOf: body.id,
    who: userName(),
    ...(body.ref === null ? {} : { ref: body.ref }),
  };
  const { runId } = await api.post<StartedRunBody>(`/v1/apps/${encodeURIComponent(body.app)}/runs`, asked);
  return watchRun(invocation, api, runId);
}

const pathOf = ({ id }: RunBody): string => `/v1/runs/${encodeURIComponent(id)}`;
