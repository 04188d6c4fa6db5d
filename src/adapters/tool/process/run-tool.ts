import { spawn } from 'node:child_process';
import type { RunTool, ToolCall, ToolResult } from '../../../ports/tool.ts';

const keptErrors = 8192;

/**
 * Programs of this machine, each in a process group of its own that is killed as a whole.
 * @param environment the whole of what they see.
 */
export function toolRunner(environment: Readonly<Record<string, string>>): RunTool {
  return (call) => (call.signal.aborted ? Promise.resolve({ end: 'aborted' }) : run(call, environment));
}

function run(call: ToolCall, environment: Readonly<Record<string, string>>): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(call.command, call.args, {
      cwd: call.folder,
      env: { ...environment, LC_ALL: 'C', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let errors = '';
    let reason: 'timed-out' | 'aborted' | 'too-much' | undefined;
    const end = (why: typeof reason): void => {
      reason ??= why;
      // Also for children that hold its output open after it has ended itself.
      kill(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => end('timed-out'), call.timeoutMs);
    const onAbort = (): void => end('aborted');
    call.signal.addEventListener('abort', onAbort);
    const done = (result: ToolResult): void => {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
      resolve(reason === undefined ? result : { end: reason });
    };
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > call.maxBytes) end('too-much');
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-keptErrors);
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code === 'ENOENT' ? { end: 'missing' } : { end: 'broken', why: error.code ?? 'it cannot be started' }),
    );
    child.once('close', (code, signal) => {
      kill(child.pid);
      if (code === null) done({ end: 'broken', why: `it was ended by ${signal ?? 'a signal'}` });
      else done({ end: 'ended', code, stdout: Buffer.concat(chunks).toString('utf8'), stderr: errors });
    });
  });
}

/** The group; nothing when it is gone. */
function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
