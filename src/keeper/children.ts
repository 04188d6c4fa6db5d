import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { identify, isAlive, type ProcessIdentity } from './processes.ts';

/** How a process ended; `observed` is false when it was not our child and only its absence was seen. */
export interface Ended {
  readonly observed: boolean;
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Start {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** For stdout and stderr; closed by the caller. */
  readonly output: number;
  /** Becomes the child's descriptor 4: where a run's exit code is written by its own shell. */
  readonly exitFile?: number;
  /** Called with the process before its program starts; when it throws, the program does not start. */
  readonly admit: (process: ProcessIdentity) => void;
}

export interface Child {
  readonly process: ProcessIdentity;
  readonly ended: Promise<Ended>;
}

/**
 * The child waits at a gate until it is on record and in its group, so that nothing of it ever runs unknown. The gate's other end
 * is held by the keeper alone: when the keeper dies in between, the child ends.
 */
const gate = 'read -r _ <&3 || exit 75; exec 3<&-; exec "$@"';
/** The same for a command whose exit code has to survive the keeper. */
const gateAndRecord = 'read -r _ <&3 || exit 75; exec 3<&-; "$@" 4>&-; code=$?; echo "$code" >&4; exit "$code"';

/**
 * Starts a program in a session and process group of its own.
 * @throws Error when it could not be started (no such folder, no such user …).
 */
export async function start({ argv, cwd, env, uid, gid, output, exitFile, admit }: Start): Promise<Child> {
  const child = spawn('/bin/sh', ['-c', exitFile === undefined ? gate : gateAndRecord, 'signalbox', ...argv], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', output, output, 'pipe', ...(exitFile === undefined ? [] : [exitFile])],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ observed: true, code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error(explain(cause, cwd), { cause })));
  });
  const latch = child.stdio[3] as Socket;
  latch.on('error', () => latch.destroy());
  try {
    const identity = identify(child.pid ?? 0);
    if (!identity) throw new Error('The process ended before it could be recorded.');
    admit(identity);
    latch.end('go\n');
    child.unref();
    return { process: identity, ended };
  } catch (cause) {
    latch.destroy();
    throw cause;
  }
}

function explain(cause: Error, cwd: string): string {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `The folder ${cwd} does not exist.`;
  if (code === 'EACCES') return `The folder ${cwd} is not accessible for the user the program runs as.`;
  if (code === 'EPERM') return 'The keeper may not start programs as another user.';
  return cause.message;
}

/** Sees the end of processes that are not our children. */
export interface Bystander {
  ended(process: ProcessIdentity): Promise<Ended>;
  close(): void;
}

const pollMs = 50;

export function openBystander(): Bystander {
  const watched = new Map<ProcessIdentity, (ended: Ended) => void>();
  let timer: NodeJS.Timeout | undefined;
  const poll = (): void => {
    for (const [process, resolve] of watched) {
      if (isAlive(process)) continue;
      watched.delete(process);
      resolve({ observed: false, code: null, signal: null });
    }
    // A look costs some 10 µs per process; many are looked at more rarely.
    timer = watched.size > 0 ? setTimeout(poll, Math.max(pollMs, watched.size * 5)) : undefined;
  };
  return {
    ended: (process) =>
      new Promise((resolve) => {
        watched.set(process, resolve);
        timer ??= setTimeout(poll, pollMs);
      }),
    close: () => {
      clearTimeout(timer);
      watched.clear();
    },
  };
}
