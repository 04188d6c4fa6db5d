import { type ChildProcess, spawn } from 'node:child_process';
import { endProcesses } from '../keeper/ending.ts';
import { identify, markerName, type ProcessIdentity } from '../keeper/processes.ts';
import { readLines } from './lines.ts';
import { listeningPort } from './listening.ts';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  /** The program could not be started at all. */
  readonly error?: string;
}

export interface Program {
  /** It runs, or never will: a container takes its time. */
  readonly begun: Promise<void>;
  readonly ended: Promise<Ended>;
  /** SIGTERM, after `graceMs` SIGKILL, to everything it started; resolves when nothing of it is left. */
  end(graceMs: number): Promise<void>;
  /** The one port that it and all it started listen on; undefined when there is none or it cannot be told which. */
  listening(): Promise<number | undefined>;
}

/** A process of this machine. */
export interface LocalProgram extends Program {
  /** 0 when it could not be started. */
  readonly pid: number;
}

export interface ProgramRequest {
  /** Empty: the program of the image; a process has none. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Marks it and all that comes of it, so that nothing foreign is ever ended. */
  readonly marker: string;
  readonly onLine: (line: string) => void;
}

export interface LocalRequest extends ProgramRequest {
  /** File descriptors handed over as 3, 4, … */
  readonly inherit?: readonly number[];
}

/** Starts a program in a session of its own, away from the terminal's keys, and passes its output on line by line. */
export function startProgram(request: LocalRequest): LocalProgram {
  const { argv, cwd, env, marker, onLine, inherit = [] } = request;
  const [file, ...words] = argv;
  if (file === undefined) return withoutProgram;
  const child = spawn(file, words, {
    cwd,
    env: { ...env, [markerName]: marker },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...inherit],
  });
  const main: ProcessIdentity | null = child.pid === undefined ? null : identify(child.pid);
  readOutput(child, onLine);
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (cause) => resolve({ code: null, signal: null, error: cause.message }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    begun: Promise.resolve(),
    ended,
    listening: () => listeningPort(child.pid ?? 0, marker),
    end: async (graceMs) => {
      await endProcesses({ main, marker, members: () => [], graceMs });
      if (main !== null) await ended;
    },
  };
}

const withoutProgram: LocalProgram = {
  pid: 0,
  begun: Promise.resolve(),
  ended: Promise.resolve({
    code: null,
    signal: null,
    error: 'only its image knows how; name a command under dev, or use --runtime docker',
  }),
  end: () => Promise.resolve(),
  listening: () => Promise.resolve(undefined),
};

function readOutput(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    const lines = readLines(onLine);
    stream?.on('data', (piece: Buffer) => lines.push(piece));
    stream?.on('close', () => lines.flush()).on('error', () => stream.destroy());
  }
}

const needsShell = /[;&|<>()`\n{}!*?[\]~=]|\$\(/;
const shellWords =
  /^\s*(?:\.|:|cd|export|if|for|while|case|set|exec|eval|exit|source|trap|ulimit|umask|unset|wait|until|read|test)\b/;

/** A simple command takes the shell's place, so that signals and the exit code are its own. */
export const shellArgv = (command: string): string[] =>
  command === '' ? [] : ['/bin/sh', '-c', needsShell.test(command) || shellWords.test(command) ? command : `exec ${command}`];
