import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { PingBody, ProblemBody, StatusBody } from '../api/contract.ts';
import type { HomeLayout } from '../config/home.ts';
import { openControlPlaneLog } from '../config/home-folders.ts';
import type { Settings } from '../config/settings.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { connectApi } from './connect.ts';
import { RefusedError } from './failure.ts';

/** Ports, once everything listens. */
export interface Addresses {
  readonly http: number;
  readonly https: number | null;
  readonly api: number;
}

/** The control plane's program; both entry and chunks of the compiled command line lie one folder below it. */
export const daemonProgram = (): string => fileURLToPath(new URL('../daemon.js', import.meta.url));

/** The control plane that serves this home already, or null. */
export async function runningHere(settings: Settings, home: HomeLayout): Promise<{ ping: PingBody; api: ApiClient } | null> {
  try {
    const api = await connectApi({ ...settings, remote: null }, home);
    return { ping: await api.get<PingBody>('/v1/ping'), api };
  } catch (error) {
    if (error instanceof SignalboxError && error.code === 'CONTROL_PLANE_UNREACHABLE') return null;
    throw error;
  }
}

export const addressesOf = async (api: ApiClient): Promise<Addresses> => (await api.get<StatusBody>('/v1/status')).addresses;

export interface Started {
  readonly child: ChildProcess;
  readonly addresses: Addresses;
}

/**
 * Starts the control plane, which reads its settings from the environment, and waits until everything listens. Detached it has a
 * session of its own; its log goes to a file, or with `log: 'here'` to standard error.
 * @throws what it says of itself; PROGRAM_FAILED when it ends without a word or says nothing in 60 s, HOME_UNUSABLE.
 */
export async function startControlPlane(of: {
  readonly home: HomeLayout;
  readonly variables: Readonly<Record<string, string>>;
  readonly detach: boolean;
  readonly log: 'file' | 'here';
}): Promise<Started> {
  const { home, variables, detach } = of;
  const log = await openControlPlaneLog(home, of.log === 'file');
  try {
    const child = spawn(process.execPath, [daemonProgram()], {
      detached: detach,
      env: { ...variables, SIGNALBOX_HOME: home.root },
      cwd: home.root,
      stdio: ['ignore', 'pipe', log?.fd ?? 2],
    });
    const addresses = await announced(child, of.log === 'file' ? ` Its log is ${home.controlPlaneLog}.` : '');
    if (detach) {
      child.stdout?.destroy();
      child.unref();
    }
    return { child, addresses };
  } finally {
    await log?.close();
  }
}

type Announcement = Addresses | { readonly error: { readonly code: string; readonly message: string; readonly hint: string } };

/** Its first line of output: the addresses, or why it cannot start. */
function announced(child: ChildProcess, where: string): Promise<Addresses> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void =>
      reject(new SignalboxError('PROGRAM_FAILED', `The control plane did not start: ${what}.${where}`));
    const timer = setTimeout(() => {
      child.kill('SIGTERM');
      fail('it said nothing for 60 s');
    }, 60_000);
    const lines = createInterface({ input: child.stdout as Readable });
    child.once('error', (error) => fail(error.message));
    lines.once('line', (line) => {
      const said = parsed(line);
      if (said === null) fail(`it said ${JSON.stringify(line.slice(0, 200))} instead of its addresses`);
      else if ('error' in said) reject(new RefusedError(problemFrom(said.error)));
      else resolve(said);
    });
    // The line, if there is one, is read before the pipe is known to be closed.
    lines.once('close', () => {
      clearTimeout(timer);
      fail('it ended without a word');
    });
    lines.once('line', () => clearTimeout(timer));
  });
}

function parsed(line: string): Announcement | null {
  try {
    return JSON.parse(line) as Announcement;
  } catch {
    return null;
  }
}

const problemFrom = ({ code, message, hint }: { code: string; message: string; hint: string }): ProblemBody => ({
  type: '',
  title: '',
  status: 0,
  code,
  detail: message,
  hint,
  retryable: false,
});
