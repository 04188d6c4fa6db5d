import { spawn } from 'node:child_process';

export interface UserGitCall {
  readonly cwd: string;
  /** The user's own variables; those of git itself are left out so that no outer git command reaches in. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables on top, such as GIT_DIR. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface UserGitResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the user's git with the user's settings in one of the user's folders. Never rejects; `code` null: git cannot be started. */
export function userGit(args: readonly string[], call: UserGitCall): Promise<UserGitResult> {
  return new Promise((resolve) => {
    const own = Object.fromEntries(Object.entries(call.environment).filter(([name]) => !name.startsWith('GIT_')));
    const child = spawn('git', ['-c', 'safe.directory=*', '-c', 'core.fsmonitor=false', '-c', 'gc.auto=0', ...args], {
      cwd: call.cwd,
      env: { ...own, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', ...call.extra },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 16_384) stderr += chunk.toString('utf8');
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(call.input ?? '');
    child.on('error', (error) => resolve({ code: null, stdout: '', stderr: error.message }));
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout).toString('utf8'), stderr }));
  });
}
