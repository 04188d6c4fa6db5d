import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type {
  ExportSecretsBody,
  ImportSecretsBody,
  KeyRotatedBody,
  RemoveSecretBody,
  SecretRemovedBody,
  SecretSetBody,
  SecretsBody,
  SecretsExportBody,
  SecretsImportedBody,
  SetSecretBody,
} from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { readSecret } from './read-secret.ts';
import { whichApp } from './which-app.ts';

export const secretActs = ['list', 'set', 'versions', 'remove', 'rotate-key', 'export', 'import'] as const;
export type SecretAct = (typeof secretActs)[number];

export interface SecretOptions {
  /** With set: the value, as it is. */
  readonly file?: string;
  /** With export. */
  readonly out?: string;
  /** With remove: this version alone. */
  readonly only?: number;
  readonly force?: boolean;
}

interface Asked {
  readonly act: SecretAct;
  /** Of a secret; with import a file. */
  readonly name: string | undefined;
}

/** Looks at secrets and changes them; shows no value, ever. */
export async function secrets(invocation: Invocation, { act, name }: Asked, options: SecretOptions): Promise<ExitCode> {
  if (act === 'rotate-key') return rotateKey(invocation);
  if (act === 'export') return exportAll(invocation, options);
  if (act === 'import') return importAll(invocation, needed(name, 'the file of an export', 'import secrets.json'));
  const app = await whichApp(invocation);
  if (act === 'list') return list(invocation, app);
  const secret = needed(name, 'the name of a secret', `${act} STRIPE_KEY`);
  if (act === 'versions') return versions(invocation, app, secret);
  return act === 'set' ? set(invocation, { app, secret }, options) : remove(invocation, { app, secret }, options);
}

function needed(name: string | undefined, what: string, example: string): string {
  if (name !== undefined) return name;
  throw new SignalboxError('WRONG_USAGE', `Expected ${what}: signalbox secrets ${example}.`);
}

const pathOf = (app: string, environment: string, secret?: string): string =>
  `${environmentPath(app, environment)}/secrets${secret === undefined ? '' : `/${encodeURIComponent(secret)}`}`;

async function list(invocation: Invocation, app: string): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const body = await (await invocation.api()).get<SecretsBody>(pathOf(app, environment));
  terminal.result({ app, environment, ...body });
  if (body.secrets.length === 0) terminal.say(`${app}/${environment} has no secrets.`);
  const rows = body.secrets.map(({ name, versions: kept }) => {
    const newest = kept.at(-1);
    const users = [...new Set(kept.flatMap(({ usedBy }) => usedBy))];
    return [
      `  ${name}`,
      `v${newest?.version ?? '?'}`,
      newest?.createdAt.slice(0, 16).replace('T', ' ') ?? '',
      kept.length === 1 ? '' : `${kept.length} versions`,
      users.length === 0 ? 'not used' : `used by ${users.join(', ')}`,
    ];
  });
  for (const line of table(rows)) terminal.say(line);
  return exitCodes.done;
}

async function versions(invocation: Invocation, app: string, secret: string): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const body = await (await invocation.api()).get<SecretsBody>(pathOf(app, environment));
  const found = body.secrets.find(({ name }) => name === secret);
  if (found === undefined)
    throw new SignalboxError('NOT_FOUND', `There is no secret ${plain(secret)} in ${app}/${environment}.`, {
      hint: 'See `signalbox secrets list`.',
    });
  terminal.result({ app, environment, ...found });
  const rows = found.versions.map(({ version, createdAt, bytes, usedBy }) => [
    `  v${version}`,
    createdAt.slice(0, 19).replace('T', ' '),
    `${bytes} bytes`,
    usedBy.length === 0 ? 'not used' : `used by ${usedBy.join(', ')}`,
  ]);
  for (const line of table(rows)) terminal.say(line);
  return exitCodes.done;
}

async function set(
  invocation: Invocation,
  { app, secret }: { app: string; secret: string },
  { file }: SecretOptions,
): Promise<ExitCode> {
  const { terminal, environment, cwd } = invocation;
  const given =
    file === undefined
      ? await readSecret(terminal, `Value of ${secret} of ${app}/${environment}`)
      : { value: await readFile(resolve(cwd, file)).catch(unreadable(file)), cut: false };
  const body: SetSecretBody = { value: given.value.toString('base64') };
  const done = await (await invocation.api()).post<SecretSetBody>(pathOf(app, environment, secret), body);
  terminal.result({ app, environment, ...done, trailingNewlineDropped: given.cut });
  terminal.say(`${done.name} of ${app}/${environment} is v${done.version} now; releases from the next deploy on get it.`);
  if (given.cut) terminal.note('The newline at its end was dropped; `--file` keeps a value as it is.');
  for (const note of done.notes) terminal.note(plain(note));
  return exitCodes.done;
}

async function remove(
  invocation: Invocation,
  { app, secret }: { app: string; secret: string },
  { only, force }: SecretOptions,
): Promise<ExitCode> {
  const { terminal, environment } = invocation;
  const body: RemoveSecretBody = { ...(only === undefined ? {} : { version: only }), ...(force === true ? { force } : {}) };
  const done = await (await invocation.api()).post<SecretRemovedBody>(`${pathOf(app, environment, secret)}/remove`, body);
  terminal.result({ app, environment, ...done });
  terminal.say(`Removed ${done.name} of ${app}/${environment}: ${done.removed.map((version) => `v${version}`).join(', ')}.`);
  return exitCodes.done;
}

async function rotateKey(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  const done = await (await invocation.api()).post<KeyRotatedBody>('/v1/secrets/rotate-key', {});
  terminal.result(done);
  terminal.say(
    `The key is exchanged; ${done.rewrapped} values are kept with the new one. Back it up, the old one opens nothing.`,
  );
  return exitCodes.done;
}

async function exportAll(invocation: Invocation, { out }: SecretOptions): Promise<ExitCode> {
  const { terminal, environment, environmentGiven, cwd } = invocation;
  const app = invocation.app === undefined ? undefined : await whichApp(invocation);
  const { value } = await readSecret(terminal, 'Passphrase of the export');
  const body: ExportSecretsBody = {
    passphrase: value.toString('utf8'),
    ...(app === undefined ? {} : { app }),
    ...(environmentGiven ? { environment } : {}),
  };
  const { document, count } = await (await invocation.api()).post<SecretsExportBody>('/v1/secrets/export', body);
  if (out === undefined) {
    terminal.result({ count, document });
    terminal.quote(document.trimEnd());
  } else {
    await writeFile(resolve(cwd, out), document, { mode: 0o600, flag: 'wx', flush: true }).catch(unwritable(out));
    terminal.result({ count, file: out });
  }
  terminal.note(`${count} values, sealed by the passphrase: without it nobody can read them, Signalbox neither.`);
  return exitCodes.done;
}

async function importAll(invocation: Invocation, file: string): Promise<ExitCode> {
  const { terminal, cwd } = invocation;
  const document = await readFile(resolve(cwd, file), 'utf8').catch(unreadable(file));
  const { value } = await readSecret(terminal, 'Passphrase of the export');
  const body: ImportSecretsBody = { document, passphrase: value.toString('utf8') };
  const done = await (await invocation.api()).post<SecretsImportedBody>('/v1/secrets/import', body);
  terminal.result(done);
  terminal.say(`${done.restored} values were put back; ${done.kept} were there already.`);
  return exitCodes.done;
}

const unreadable =
  (file: string) =>
  (cause: unknown): never => {
    throw new SignalboxError('WRONG_USAGE', `${file} cannot be read: ${(cause as Error).message}.`, { cause });
  };

const unwritable =
  (file: string) =>
  (cause: NodeJS.ErrnoException): never => {
    if (cause.code === 'EEXIST')
      throw new SignalboxError('WRONG_USAGE', `${file} is there already, and an export replaces no file.`, { cause });
    throw new SignalboxError('FILE_NOT_WRITTEN', `${file} cannot be written: ${cause.message}.`, { cause });
  };
