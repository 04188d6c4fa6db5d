import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SignalboxError } from '../../../../domain/errors.ts';
import type { Owner } from '../scratch.ts';
import type { Found } from './programs.ts';

/** How long making a cluster may take, ms. */
const patienceMs = 120_000;

/** Major version that a data folder was made by; null where none was made yet. */
export function clusterVersion(data: string): string | null {
  const file = join(data, 'PG_VERSION');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}

/**
 * Makes an empty PostgreSQL data folder with the user and the database that its variables name. It appears whole or not at all: what
 * an interrupted attempt left behind is thrown away by the next. Does nothing where there is one.
 * @throws START_FAILED with the tool's own words.
 */
export async function makeCluster(what: {
  readonly server: Found;
  readonly lasting: string;
  readonly owner: Owner | null;
  readonly env: Readonly<Record<string, string>>;
}): Promise<void> {
  const { server, lasting, owner, env } = what;
  if (clusterVersion(lasting) !== null) return;
  await mkdir(dirname(lasting), { recursive: true });
  await clearDrafts(lasting);
  const draft = `${lasting}.init-${randomBytes(6).toString('hex')}`;
  const maker = owner === null ? null : systemUser();
  try {
    await mkdir(draft, { mode: 0o700 });
    const password = join(draft, 'password');
    await writeFile(password, env['POSTGRES_PASSWORD'] ?? '', { mode: 0o600 });
    if (maker) for (const path of [draft, password]) await chown(path, maker.uid, maker.gid);
    const cluster = join(draft, 'cluster');
    const user = env['POSTGRES_USER'] ?? 'app';
    const database = env['POSTGRES_DB'] ?? user;
    const login = ['--auth-host=scram-sha-256', '--auth-local=scram-sha-256', `--username=${user}`, `--pwfile=${password}`];
    await run(join(dirname(server.file), 'initdb'), ['-D', cluster, '--encoding=UTF8', '--locale=C.UTF-8', ...login], { maker });
    if (database !== 'postgres') {
      const input = `CREATE DATABASE "${database}" OWNER "${user}";\n`;
      await run(server.file, ['--single', '-D', cluster, '-c', 'exit_on_error=on', 'postgres'], { maker, input });
    }
    if (owner) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, cluster], { maker: null });
    await rename(cluster, lasting);
    await sync(dirname(lasting));
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause;
    throw new SignalboxError('START_FAILED', `No database could be made in ${lasting}: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Leftovers of attempts that were cut off. One that still runs finds its folder gone, and fails. */
async function clearDrafts(lasting: string): Promise<void> {
  const prefix = `${basename(lasting)}.init-`;
  for (const name of await readdir(dirname(lasting)))
    if (name.startsWith(prefix)) await rm(join(dirname(lasting), name), { recursive: true, force: true, maxRetries: 5 });
}

/** initdb looks its user's name up, and refuses root: the users of apps are numbers only, so one with a name makes the cluster. */
function systemUser(): Owner {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody') ?? [];
  if (uid === undefined || gid === undefined)
    throw new SignalboxError('START_FAILED', 'This system has neither a user postgres nor nobody, who could make a database.');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A rename counts after a power cut only when its folder was written. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function run(
  file: string,
  args: readonly string[],
  { maker, input }: { readonly maker: Owner | null; readonly input?: string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: patienceMs,
      killSignal: 'SIGKILL',
      ...maker,
    });
    let said = '';
    const hear = (part: string): void => {
      said = `${said}${part}`.slice(-2000);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.stdin.on('error', () => undefined).end(input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new SignalboxError('START_FAILED', `${basename(file)} ended with ${code ?? signal}: ${lastLine(said)}`));
    });
  });
}

const lastLine = (text: string): string => text.trim().split('\n').slice(-3).join(' ').trim() || 'it said nothing';
