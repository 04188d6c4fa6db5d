import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DeliveryBody, ListBody, NewWebhookBody, WebhookAddedBody, WebhookBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { ago, plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { readSecrets } from './read-secrets.ts';
import { whichApp } from './which-app.ts';

export interface WebhookOptions {
  readonly url?: string;
  readonly api?: string;
  readonly secretStdin?: boolean;
  readonly tokenStdin?: boolean;
  readonly deployKey?: string;
  readonly limit?: number;
}

export type WebhookAct = 'add' | 'list' | 'remove' | 'deliveries';

/** Webhooks of forges: sets them up, looks at them and at what came of them. */
export async function webhook(
  to: Invocation,
  what: { readonly act: WebhookAct; readonly kind: string | undefined },
  options: WebhookOptions,
): Promise<ExitCode> {
  if (what.act === 'list') return list(to);
  const app = await whichApp(to);
  if (what.act === 'add') return add(to, { app, kind: what.kind }, options);
  return what.act === 'remove' ? remove(to, app) : deliveries(to, app, options);
}

const pathOf = (app: string): string => `/v1/apps/${encodeURIComponent(app)}/webhook`;

const kinds = ['github', 'gitlab', 'gitea'] as const;

async function add(
  to: Invocation,
  of: { readonly app: string; readonly kind: string | undefined },
  options: WebhookOptions,
): Promise<ExitCode> {
  const kind = kinds.find((known) => known === (of.kind === 'forgejo' ? 'gitea' : of.kind));
  if (kind === undefined)
    throw new SignalboxError('WRONG_USAGE', 'Name the forge: signalbox webhook add github|gitlab|gitea --url ADDRESS.');
  const { url, api, deployKey } = options;
  if (url === undefined)
    throw new SignalboxError('WRONG_USAGE', 'Name the address of the repository: --url https://github.com/acme/portfolio.git.');
  const wanted = [...(options.secretStdin === true ? ['secret'] : []), ...(options.tokenStdin === true ? ['token'] : [])];
  const given = await readSecrets(wanted);
  const body: NewWebhookBody = {
    kind,
    url,
    ...(api === undefined ? {} : { api }),
    ...given,
    ...(deployKey === undefined ? {} : { deployKey: await keyIn(resolve(to.cwd, deployKey)) }),
  };
  const made = await (await to.api()).post<WebhookAddedBody>(pathOf(of.app), body);
  to.terminal.result(made);
  for (const line of setUp(made, given.secret === undefined)) to.terminal.say(line);
  return exitCodes.done;
}

async function keyIn(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SignalboxError('WRONG_USAGE', `The deploy key ${file} cannot be read (${cause.code ?? cause.message}).`, { cause });
  });
}

/** What is to be typed and ticked in the forge. */
export function setUp(made: WebhookAddedBody, isNew: boolean): readonly string[] {
  const { app, kind, path, token } = made;
  const secret = isNew ? [`  secret        ${made.secret}`, ''] : ['  secret        the one you gave', ''];
  const status = token
    ? 'The status of each commit is written back with the token.'
    : 'Without a token no status is written to commits: remove it and add it again with --token-stdin.';
  return [
    `Pushes to ${made.url} are taken for ${app}. In the settings of the repository:`,
    '',
    `  ${where[kind]}`,
    `  address       https://YOUR.SIGNALBOX${path}`,
    ...secret,
    ...(isNew ? ['The secret is not shown again.'] : []),
    'The address leads to the port of the API (7070), which only this machine reaches unless you say otherwise: put a proxy with HTTPS',
    `in front that passes on /v1/hooks/ alone, or set SIGNALBOX_API_HOST. docs/webhooks.md shows both.`,
    status,
  ];
}

const where: Readonly<Record<WebhookBody['kind'], string>> = {
  github: 'Settings > Webhooks > Add webhook; content type application/json; events: pushes, and pull requests if you like',
  gitlab: 'Settings > Webhooks > Add new webhook; "Secret token"; triggers: push, tag push, and merge request if you like',
  gitea: 'Settings > Webhooks > Add webhook > Gitea (or Forgejo); POST, application/json; events: push, delete, pull request',
};

async function list(to: Invocation): Promise<ExitCode> {
  const body = await (await to.api()).get<ListBody<WebhookBody>>('/v1/webhooks');
  to.terminal.result(body);
  if (body.items.length === 0) to.terminal.say('No app has a webhook. `signalbox webhook add github --url ADDRESS` makes one.');
  const rows = body.items.map((one) => [
    one.app,
    one.kind,
    plain(one.url),
    one.path,
    [one.token ? 'token' : '', one.deployKey ? 'deploy key' : ''].filter((text) => text !== '').join(', '),
  ]);
  for (const line of table(rows)) to.terminal.say(line);
  return exitCodes.done;
}

async function remove(to: Invocation, app: string): Promise<ExitCode> {
  await (await to.api()).post(`${pathOf(app)}/remove`, {});
  to.terminal.result({ app, removed: true });
  to.terminal.say(`${app} takes no more calls of its forge; its secret, token and key are gone. Remove it in the forge, too.`);
  return exitCodes.done;
}

async function deliveries(to: Invocation, app: string, { limit = 20 }: WebhookOptions): Promise<ExitCode> {
  const body = await (await to.api()).get<ListBody<DeliveryBody>>(`${pathOf(app)}/deliveries?limit=${limit}`);
  to.terminal.result(body);
  if (body.items.length === 0) to.terminal.say(`Nothing has come for ${app} yet.`);
  const now = Date.now();
  const rows = body.items.map((one) => [
    ago(one.receivedAt, now),
    one.type,
    plain(one.ref?.replace(/^refs\/(?:heads|tags)\//, '') ?? ''),
    one.sha?.slice(0, 7) ?? '',
    one.fromFork === true ? 'fork' : '',
    one.state,
    plain(one.outcome ?? ''),
  ]);
  for (const line of table(rows)) to.terminal.say(line);
  return exitCodes.done;
}
