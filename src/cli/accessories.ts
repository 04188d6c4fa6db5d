import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccessoryBody, AccessoryStatusBody, StatusBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain, restarts, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import type { Paint } from './terminal.ts';
import { whichApp } from './which-app.ts';

export const accessoryActs = ['list', 'restart', 'apply', 'remove', 'password'] as const;
export type AccessoryAct = (typeof accessoryActs)[number];

export interface AccessoryOptions {
  readonly yes?: boolean;
  readonly deleteData?: boolean;
}

/** Databases and the like of an environment: looks at them, and does what no rollout does. */
export async function accessories(
  invocation: Invocation,
  what: { readonly act: AccessoryAct; readonly name: string | undefined },
  options: AccessoryOptions,
): Promise<ExitCode> {
  const { act, name } = what;
  const app = await whichApp(invocation);
  if (act === 'list') return list(invocation, app);
  if (name === undefined)
    throw new SignalboxError('WRONG_USAGE', `Expected the name of an accessory: signalbox accessories ${act} db.`);
  if (act === 'password') return password(invocation, app, name);
  if (act === 'remove' && options.yes !== true)
    throw new SignalboxError(
      'WRONG_USAGE',
      `Removing ${name} ends it for every service of ${app}/${invocation.environment}; say --yes if that is meant.`,
    );
  const { terminal, environment } = invocation;
  const body: AccessoryBody = act === 'remove' && options.deleteData === true ? { deleteData: true } : {};
  const path = `${environmentPath(app, environment)}/accessories/${encodeURIComponent(name)}/${act}`;
  await (await invocation.api()).post(path, body);
  terminal.result({ app, environment, accessory: name, act, deletedData: body.deleteData === true });
  terminal.say(`${name} of ${app}/${environment} ${said(act, body)}`);
  return exitCodes.done;
}

function said(act: 'restart' | 'apply' | 'remove', { deleteData }: AccessoryBody): string {
  if (act === 'restart') return 'has been stopped and is being started again.';
  if (act === 'apply') return 'is as the release with traffic declares it; where that differed it is being started anew.';
  return deleteData === true ? 'is gone, and so is its data.' : 'is gone; its data and its password are kept.';
}

async function list(invocation: Invocation, app: string): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const status = await (await invocation.api()).get<StatusBody>('/v1/status');
  const found = status.environments.find((one) => one.app === app && one.environment === environment);
  if (found === undefined) throw new SignalboxError('NOT_FOUND', `${app}/${environment} has never been deployed.`);
  terminal.result({ app, environment, items: found.accessories });
  if (found.accessories.length === 0) terminal.say(`${app}/${environment} has no accessories.`);
  for (const line of describeAccessories(found.accessories, terminal.paint)) terminal.say(line);
  return exitCodes.done;
}

/** `width`: of the names at the least. */
export const describeAccessories = (all: readonly AccessoryStatusBody[], paint: Paint, width = 0): readonly string[] =>
  table(
    all.map((one) => [
      `  ${one.name.padEnd(width)}`,
      one.what,
      one.healthy ? paint.green('healthy') : paint.yellow(one.state === 'running' ? 'not healthy' : one.state),
      one.address ?? '',
      restarts(one.restarts),
      one.memoryMb === null ? '' : `${one.memoryMb} MiB`,
      one.fault === undefined ? '' : plain(one.fault),
    ]),
  );

/** Read from the home on this machine: the API never says it. */
async function password(invocation: Invocation, app: string, name: string): Promise<ExitCode> {
  const { terminal, environment, home } = invocation;
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new SignalboxError('WRONG_USAGE', `${JSON.stringify(name)} names no accessory.`);
  const file = join(home.keys, 'accessories', app, environment, name);
  const secret = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT')
      throw new SignalboxError('NOT_FOUND', `There is no password of ${name} of ${app}/${environment} in ${home.root}.`, {
        hint: 'Passwords are shown on the machine of the installation only, to whoever may read its home.',
      });
    throw cause;
  });
  terminal.result({ app, environment, accessory: name, password: secret });
  terminal.quote(secret);
  return exitCodes.done;
}
