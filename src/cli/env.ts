import type { EnvironmentBody, ListBody } from '../api/contract.ts';
import type {
  DiffBody,
  EnvironmentRowBody,
  LockBody,
  LockRequestBody,
  SyncBody,
  UnlockBody,
  UnlockedBody,
} from '../api/contract/environments.ts';
import { SignalboxError } from '../domain/errors.ts';
import { describeDiff, describeEnvironments, describeShown, lockLine } from './describe-environments.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { whoAsks } from './owner.ts';
import { environmentPath } from './paths.ts';
import { whichApp } from './which-app.ts';

export const environmentActs = ['list', 'show', 'diff', 'lock', 'unlock', 'sync'] as const;
export type EnvironmentAct = (typeof environmentActs)[number];

export interface EnvironmentOptions {
  readonly reason?: string;
  readonly owner?: string;
  readonly force?: boolean;
  readonly data?: boolean;
}

export interface EnvironmentChoice {
  readonly act: EnvironmentAct;
  readonly name: string | undefined;
  /** With `diff`: the other one. */
  readonly other: string | undefined;
}

/** Environments as a whole: what there is, how two differ, who keeps others away, and drift. */
export async function env(invocation: Invocation, choice: EnvironmentChoice, options: EnvironmentOptions): Promise<ExitCode> {
  if (choice.act === 'sync' && options.data === true)
    throw new SignalboxError(
      'DATA_COPY_UNAVAILABLE',
      'Copying data into an environment, with what is personal masked, is not part of this version; nothing was done.',
    );
  const app = await whichApp(invocation);
  const name = choice.name ?? invocation.environment;
  const acts = { list, show, diff, lock, unlock, sync } as const;
  return acts[choice.act]({ invocation, app, name, other: choice.other, options });
}

interface Asked {
  readonly invocation: Invocation;
  readonly app: string;
  readonly name: string;
  readonly other: string | undefined;
  readonly options: EnvironmentOptions;
}

async function list({ invocation, app }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  const body = await (await invocation.api()).get<ListBody<EnvironmentRowBody>>(
    `/v1/apps/${encodeURIComponent(app)}/environments`,
  );
  terminal.result({ app, ...body });
  for (const line of describeEnvironments(body.items, terminal.paint)) terminal.say(line);
  return exitCodes.done;
}

async function show({ invocation, app, name }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  const body = await (await invocation.api()).get<EnvironmentBody>(environmentPath(app, name));
  terminal.result(body);
  for (const line of describeShown(body, terminal.paint)) terminal.say(line);
  return exitCodes.done;
}

async function diff({ invocation, app, name, other }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  if (other === undefined)
    throw new SignalboxError('WRONG_USAGE', 'Expected two environments: signalbox env diff staging production.');
  const path = `${environmentPath(app, name)}/diff?with=${encodeURIComponent(other)}`;
  const body = await (await invocation.api()).get<DiffBody>(path);
  terminal.result({ app, ...body });
  for (const line of describeDiff(body, terminal.paint)) terminal.say(line);
  return exitCodes.done;
}

async function lock({ invocation, app, name, options }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  const { reason } = options;
  if (reason === undefined || reason.trim() === '')
    throw new SignalboxError('WRONG_USAGE', `Expected why: signalbox env lock ${name} --reason "moving the database".`);
  const by = await whoAsks(invocation, options.owner);
  const body: LockRequestBody = { reason };
  const held = await (await invocation.api()).post<LockBody>(`${environmentPath(app, name)}/lock`, body, { by });
  terminal.result({ app, environment: name, lock: held });
  terminal.say(`${app}/${name} is ${lockLine(held, Date.now())}.`);
  terminal.say('  Deploys, promotions and traffic changes of others are refused; rollback and abort work for everybody.');
  return exitCodes.done;
}

async function unlock({ invocation, app, name, options }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  const by = await whoAsks(invocation, options.owner);
  const body: UnlockBody = options.force === true ? { force: true } : {};
  const { was } = await (await invocation.api()).post<UnlockedBody>(`${environmentPath(app, name)}/unlock`, body, { by });
  terminal.result({ app, environment: name, was });
  terminal.say(
    was === null ? `${app}/${name} was not locked.` : `${app}/${name} is open again; it was ${lockLine(was, Date.now())}.`,
  );
  return exitCodes.done;
}

async function sync({ invocation, app, name, options }: Asked): Promise<ExitCode> {
  const { terminal } = invocation;
  const { paint } = terminal;
  const by = await whoAsks(invocation, options.owner);
  const body = await (await invocation.api()).post<SyncBody>(`${environmentPath(app, name)}/sync`, {}, { by });
  terminal.result({ app, environment: name, ...body });
  for (const accessory of body.applied) terminal.say(`${accessory} was started anew as the release declares it.`);
  for (const drift of body.before.filter((one) => !body.after.includes(one)))
    terminal.say(`${paint.green('mended:')} ${plain(drift)}`);
  for (const drift of body.after) terminal.say(`${paint.yellow('still:')} ${plain(drift)}`);
  if (body.applied.length + body.before.length + body.after.length === 0)
    terminal.say(`${app}/${name} runs as its release declares; there was nothing to do.`);
  return body.after.length === 0 ? exitCodes.done : exitCodes.failed;
}
