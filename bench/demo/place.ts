import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ReasonBody, StatusBody } from '../../src/api/contract.ts';
import { type ApiClient, openClient } from '../../src/cli/client.ts';
import { partsFinder } from '../kit/parts.ts';
import { kill, listProcesses, type ProcessSeen, waitFor } from '../kit/processes.ts';
import { checkoutRoot } from '../load/program.ts';

/** The last object of `deploy --json`. */
export interface DeployOutcome {
  readonly rolloutId: string;
  readonly release: string;
  readonly phase: string;
  readonly durationMs: number;
  readonly switchMs: number | null;
  readonly restoreMs: number | null;
  readonly requests: { readonly served: number; readonly dropped: number };
  readonly reason?: ReasonBody;
}

/** No command of the demo takes longer than this unless something hangs, ms. */
const commandMs = 40_000;

/** A Signalbox of the demo's own: beside whatever else runs here, and gone without a trace afterwards. */
export interface Place {
  /** Holds `home` and the app's repository. */
  readonly folder: string;
  readonly home: string;
  readonly http: number;
  readonly api: ApiClient;
  /** Runs the command line on this home and returns the JSON it printed. @throws Error when it printed none. */
  cli(...words: string[]): Promise<{ readonly exitCode: number; readonly body: unknown }>;
  /** Being removed: whatever was to come will not. */
  gone(): boolean;
  /** Ends everything that was started here and removes the folder. */
  remove(): Promise<void>;
}

/** @param variables the user's environment; settings of another Signalbox in it are left out. @throws Error with what `up` said. */
export async function openPlace(variables: Readonly<Record<string, string>>): Promise<Place> {
  await removeAbandoned(variables);
  const folder = await mkdtemp(join(tmpdir(), folderPrefix));
  // As root, instances belong to another user, who must get through.
  await chmod(folder, 0o711);
  await writeFile(join(folder, ownerFile), JSON.stringify(await ownerOf(process.pid)));
  const home = join(folder, 'home');
  const env = environmentFor(home, variables);
  const running = new Set<ChildProcess>();
  let gone = false;
  const cli = (...words: string[]) => {
    if (gone) throw new Error('The demo is over.');
    return runCli(words, { env, running });
  };
  const remove = async (): Promise<void> => {
    gone = true;
    for (const child of running) child.kill('SIGKILL');
    await removeInstallation(folder, env, running);
  };
  try {
    const { body } = await cli('up', '--detach', '--json');
    const said = body as { readonly http?: number; readonly api?: number; readonly error?: { readonly message: string } };
    if (said.http === undefined || said.api === undefined)
      throw new Error(`Signalbox did not start: ${said.error?.message ?? JSON.stringify(body)}`);
    const token = (await readFile(join(home, 'keys/api-token'), 'utf8')).trim();
    return {
      folder,
      home,
      http: said.http,
      api: openClient({ url: `http://127.0.0.1:${said.api}`, token, name: `the control plane of ${home}` }),
      cli,
      gone: () => gone,
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const folderPrefix = 'signalbox-demo-';
/** Names the demo that made the folder. */
const ownerFile = 'owner.json';

interface Owner {
  readonly pid: number;
  readonly startTicks: number;
}

const ownerOf = async (pid: number): Promise<Owner | undefined> => {
  const seen = (await listProcesses()).find((one) => one.pid === pid);
  return seen && { pid, startTicks: seen.startTicks };
};

function environmentFor(home: string, variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const foreign = Object.entries(variables).filter(([name]) => !/^(SIGNALBOX|GIT)_/.test(name));
  return {
    ...Object.fromEntries(foreign),
    SIGNALBOX_HOME: home,
    SIGNALBOX_HTTP_PORT: '0',
    SIGNALBOX_HTTPS_PORT: '0',
    SIGNALBOX_API_PORT: '0',
  };
}

/** What a demo that was killed could not end: nobody else does. A folder of a living demo, or of another user, is left alone. */
async function removeAbandoned(variables: Readonly<Record<string, string>>): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(folderPrefix)) continue;
    const folder = join(tmpdir(), name);
    const text = await readFile(join(folder, ownerFile), 'utf8').catch(() => '');
    const { uid } = await stat(folder).catch(() => ({ uid: -1 }));
    // None yet, or half written: somebody is about to.
    const owner = ownerIn(text);
    if (owner === null || uid !== process.getuid?.()) continue;
    if ((await ownerOf(owner.pid))?.startTicks === owner.startTicks) continue;
    const home = join(folder, 'home');
    for (const command of await commandsOn(home)) await kill(command, 'SIGKILL');
    await removeInstallation(folder, environmentFor(home, variables), new Set());
  }
}

/** Runs of our own command line; whatever else a person has started with that home in the environment is not ours to end. */
async function commandsOn(home: string): Promise<readonly ProcessSeen[]> {
  const program = join(checkoutRoot(), 'bin/signalbox.js');
  return (await listProcesses()).filter((seen) => seen.argv[1] === program && seen.environment.get('SIGNALBOX_HOME') === home);
}

function ownerIn(text: string): Owner | null {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return null;
  }
}

async function removeInstallation(
  folder: string,
  env: Readonly<Record<string, string>>,
  running: Set<ChildProcess>,
): Promise<void> {
  const home = join(folder, 'home');
  const findParts = partsFinder(home);
  // The keeper names the installation's other processes: look before it goes.
  await findParts();
  await runCli(['down', '--all', '--json'], { env, running }).catch(() => undefined);
  await waitFor('the end of every process of the demo', 10_000, async () => {
    const { controlPlane, keeper, workers, instances } = await findParts();
    const left = [...controlPlane, ...keeper, ...workers, ...instances];
    for (const seen of left) await kill(seen, 'SIGKILL');
    return left.length === 0 ? true : undefined;
  });
  // Below a temporary folder that other users cannot enter, root's instances worked elsewhere.
  const elsewhere = await readlink(join(home, 'artifacts')).catch(() => null);
  if (elsewhere !== null) await rm(dirname(elsewhere), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

/** The environment that holds the app, once it is known. */
export const environmentOf = async (api: ApiClient, app: string): Promise<StatusBody['environments'][number] | undefined> =>
  (await api.get<StatusBody>('/v1/status')).environments.find((environment) => environment.app === app);

async function runCli(
  words: readonly string[],
  { env, running }: { readonly env: Readonly<Record<string, string>>; readonly running: Set<ChildProcess> },
): Promise<{ readonly exitCode: number; readonly body: unknown }> {
  // A session of its own: Ctrl-C reaches the demo alone, which then ends the rest in order.
  const child = spawn(process.execPath, [join(checkoutRoot(), 'bin/signalbox.js'), ...words], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: commandMs,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-4000);
  });
  const [code] = (await once(child, 'close').finally(() => running.delete(child))) as [number | null];
  const last = out.trim().split('\n').at(-1) ?? '';
  try {
    return { exitCode: code ?? 1, body: JSON.parse(last) as unknown };
  } catch {
    throw new Error(`signalbox ${words.join(' ')} ended with ${code} and without JSON: ${(out + err).slice(-2000)}`);
  }
}
