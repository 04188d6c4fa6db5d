import { spawn } from 'node:child_process';

/** How to call git; everything it needs comes from here, nothing from the user's or the system's settings. */
export interface GitCall {
  readonly arguments: readonly string[];
  readonly gitDir: string;
  readonly searchPath: string;
  readonly workTree?: string;
  readonly indexFile?: string;
  readonly input?: string;
  /** Milliseconds. Default 60 s. */
  readonly timeout?: number;
  /** Bytes of output that are still taken. Default 64 MiB. */
  readonly maxOutput?: number;
  /** Variables on top, for transports. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

export interface GitResult {
  /** Null when git was ended by us or could not be started. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Why it ended without a code of its own. */
  readonly fault?: 'timed-out' | 'too-much-output' | 'not-started' | 'ended';
}

/**
 * No hooks, no prompts, no network transports, no file system monitors, no automatic repacking; repositories owned by another
 * user are read, because this one is ours by its place.
 */
export const fixedSettings = [
  'safe.directory=*',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'protocol.allow=never',
  'protocol.file.allow=always',
  'gc.auto=0',
  'maintenance.auto=false',
  'fetch.unpackLimit=1',
  'fetch.recurseSubmodules=false',
  'core.bigFileThreshold=32m',
  'pack.threads=1',
  'pack.windowMemory=128m',
  'advice.detachedHead=false',
].flatMap((setting) => ['-c', setting]);

/** Runs git without a shell; never rejects. */
export function git(call: GitCall): Promise<GitResult> {
  return new Promise((resolve) => {
    const child = spawn('git', [...fixedSettings, '--literal-pathspecs', ...call.arguments], {
      cwd: call.workTree ?? '/',
      env: gitEnvironment(call),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    let fault: GitResult['fault'];
    const end = (why: NonNullable<GitResult['fault']>): void => {
      fault ??= why;
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    };
    const timer = setTimeout(() => end('timed-out'), call.timeout ?? 60_000);
    const ended = (): void => end('ended');
    call.signal?.addEventListener('abort', ended, { once: true });
    const output: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > (call.maxOutput ?? 64 * 1024 * 1024)) end('too-much-output');
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 16_384) stderr += chunk.toString('utf8');
    });
    // git may end before it has read everything; that shows in its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(call.input ?? '');
    child.on('error', (error) => {
      fault ??= 'not-started';
      stderr += error.message;
      clearTimeout(timer);
      resolve({ code: null, stdout: Buffer.alloc(0), stderr, fault });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', ended);
      resolve({
        code: fault === undefined ? code : null,
        stdout: Buffer.concat(output),
        stderr,
        ...(fault === undefined ? {} : { fault }),
      });
    });
  });
}

/** Nothing of the user's or the system's. */
export const bareEnvironment = (searchPath: string): Record<string, string> => ({
  PATH: searchPath,
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
});

const gitEnvironment = (call: GitCall): Record<string, string> => ({
  ...call.environment,
  ...bareEnvironment(call.searchPath),
  GIT_DIR: call.gitDir,
  ...(call.workTree === undefined ? {} : { GIT_WORK_TREE: call.workTree }),
  ...(call.indexFile === undefined ? {} : { GIT_INDEX_FILE: call.indexFile }),
});

/** The last lines git wrote to say what went wrong, on one line. */
export const gitReason = (result: GitResult): string => {
  if (result.fault === 'timed-out') return 'git did not finish in time';
  if (result.fault === 'too-much-output') return 'git produced more output than is taken';
  const lines = result.stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.slice(-3).join('; ') || `git ended with code ${result.code}`;
};
