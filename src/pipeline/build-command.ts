import { spawn } from 'node:child_process';
import type { BuildLog } from './build-log.ts';
import { endMarked, markVariable } from './processes.ts';
import { findProgram } from './toolchain.ts';

export interface BuildCommand {
  readonly command: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Value of the variable that all its processes carry. */
  readonly mark: string;
  /** Milliseconds. */
  readonly timeLimit: number;
  readonly signal: AbortSignal;
  readonly log: BuildLog;
}

export interface CommandEnd {
  readonly end: 'exited' | 'timed-out' | 'cancelled';
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
}

/**
 * Runs a shell command at low priority in a process group of its own. Resolves when the shell has ended and nothing that it started
 * is left; whatever it put into the background is ended with it.
 */
export async function runBuildCommand(given: BuildCommand): Promise<CommandEnd> {
  const searchPath = given.environment.PATH ?? '';
  const polite: string[] = [];
  if ((await findProgram('nice', searchPath)) !== undefined) polite.push('nice', '-n', '10');
  if ((await findProgram('ionice', searchPath)) !== undefined) polite.push('ionice', '-c', '2', '-n', '7');
  const [program, ...rest] = [...polite, '/bin/sh', '-c', 'umask 022; exec /bin/sh -c "$1"', 'sh', given.command];
  const child = spawn(program, rest, {
    cwd: given.folder,
    env: { ...given.environment, [markVariable]: given.mark },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout.on('data', (chunk: Buffer) => given.log.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => given.log.write(chunk));
  let end: CommandEnd['end'] = 'exited';
  const stop = (why: CommandEnd['end']): void => {
    if (end === 'exited') end = why;
    void endMarked({ value: given.mark }, child.pid);
  };
  const timer = setTimeout(() => stop('timed-out'), given.timeLimit);
  const cancel = (): void => stop('cancelled');
  given.signal.addEventListener('abort', cancel, { once: true });
  if (given.signal.aborted) cancel();
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    await endMarked({ value: given.mark }, child.pid);
    await drained(child);
    return { end, exitCode };
  } finally {
    clearTimeout(timer);
    given.signal.removeEventListener('abort', cancel);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** The last output is read once all writers are gone; a writer that hid from us is waited for a second at most. */
const drained = (child: ReturnType<typeof spawn>): Promise<void> =>
  new Promise((resolve) => {
    if (child.stdout?.readableEnded !== false && child.stderr?.readableEnded !== false) {
      resolve();
      return;
    }
    const timer = setTimeout(resolve, 1000);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
