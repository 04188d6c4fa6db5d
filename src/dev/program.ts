import { type ChildProcess, spawn } from 'node:child_process';
import { endProcesses } from '../keeper/ending.ts';
import { identify, markerName, type ProcessIdentity } from '../keeper/processes.ts';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** The program could not be started at all. */
  readonly error?: string;
}

export interface Program {
  /** 0 when it could not be started. */
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** SIGTERM, after `graceMs` SIGKILL, to everything it started; resolves when nothing of it is left. */
  end(graceMs: number): Promise<void>;
}

export interface ProgramRequest {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Marks it and all that comes of it, so that nothing foreign is ever ended. */
  readonly marker: string;
  readonly onLine: (line: string) => void;
  /** File descriptors handed over as 3, 4, … */
  readonly inherit?: readonly number[];
}

/** Longest line passed on, in characters; the rest of it is cut. */
const longestLine = 8_192;
/** How long a part of a line waits for its end, ms. */
const patienceMs = 250;

/** Starts a program in a session of its own, away from the terminal's keys, and passes its output on line by line. */
export function startProgram(request: ProgramRequest): Program {
  const { argv, cwd, env, marker, onLine, inherit = [] } = request;
  const [file, ...words] = argv;
  const child = spawn(file, words, {
    cwd,
    env: { ...env, [markerName]: marker },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...inherit],
  });
  const main: ProcessIdentity | null = child.pid === undefined ? null : identify(child.pid);
  readLines(child, onLine);
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (cause) => resolve({ code: null, signal: null, error: cause.message }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    ended,
    end: async (graceMs) => {
      await endProcesses({ main, marker, members: () => [], graceMs });
      if (main !== null) await ended;
    },
  };
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let kept = '';
    let timer: NodeJS.Timeout | undefined;
    const flush = (): void => {
      clearTimeout(timer);
      if (kept !== '') onLine(kept);
      kept = '';
    };
    stream?.setEncoding('utf8').on('data', (text: string) => {
      clearTimeout(timer);
      const lines = (kept + text).split(/\r?\n/);
      kept = lines.pop() ?? '';
      for (const line of lines) onLine(line.slice(0, longestLine));
      if (kept.length > longestLine) flush();
      else if (kept !== '') timer = setTimeout(flush, patienceMs);
    });
    stream?.on('close', flush).on('error', () => stream.destroy());
  }
}

const needsShell = /[;&|<>()`\n{}!*?[\]~=]|\$\(/;
const shellWords =
  /^\s*(?:\.|:|cd|export|if|for|while|case|set|exec|eval|exit|source|trap|ulimit|umask|unset|wait|until|read|test)\b/;

/** A simple command takes the shell's place, so that signals and the exit code are its own. */
export const shellArgv = (command: string): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  needsShell.test(command) || shellWords.test(command) ? command : `exec ${command}`,
];
