import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { WireError } from '../wire/server.ts';
import type { InheritedListener } from './protocol.ts';

/** First file descriptor behind stdin, stdout and stderr. */
const firstFd = 3;
/** All that the program gets of an environment: what marks this worker must not mark it. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Starts a program of its own session that inherits this worker's listeners; it gets them as a last JSON argument. This is how
 * sockets survive the program that held them.
 * @throws WireError START_FAILED when the program cannot be started.
 */
export function relaunch(
  argv: readonly [string, ...string[]],
  logFile: string,
  listeners: readonly InheritedListener[],
): Promise<{ pid: number }> {
  const inherited = listeners.map((listener, index) => ({ ...listener, fd: firstFd + index }));
  const [program, ...rest] = argv;
  const log = openSync(logFile, 'a', 0o600);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...rest, JSON.stringify(inherited)], {
      detached: true,
      env: { PATH: path },
      stdio: ['ignore', log, log, ...listeners.map((listener) => listener.fd)],
    });
    closeSync(log);
    child.once('error', (cause) =>
      reject(new WireError('START_FAILED', `${program} could not be started: ${cause.message}`, { cause })),
    );
    child.once('spawn', () => {
      child.unref();
      resolve({ pid: child.pid as number });
    });
  });
}
