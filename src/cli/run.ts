import { userInfo } from 'node:os';
import type { StartRunBody, StartedRunBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { userGit } from './git.ts';
import type { Invocation } from './invocation.ts';
import { submitSource } from './submit-source.ts';
import { watchRun } from './run-view.ts';
import { whichFolder } from './which-app.ts';

export interface RunOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly deploy: boolean;
  readonly detach?: boolean;
}

/** Sends the source, runs its pipeline and, unless told otherwise, ships it to `--env`. */
export async function run(invocation: Invocation, folder: string | undefined, options: RunOptions): Promise<ExitCode> {
  const api = await invocation.api();
  const { app, body } = await submitSource(invocation, api, { folder, ...options });
  const ref = options.dirty === true || options.ref !== undefined ? null : await branchOf(invocation, folder);
  const { sha, dirty, folder: inside, folderName } = body;
  const asked: StartRunBody = {
    sha,
    dirty,
    folder: inside,
    folderName,
    environments: options.deploy ? [invocation.environment] : [],
    who: userName(),
    ...(ref === null ? {} : { ref }),
  };
  const { runId } = await api.post<StartedRunBody>(`/v1/apps/${encodeURIComponent(app)}/runs`, asked);
  if (options.detach !== true) return watchRun(invocation, api, runId);
  invocation.terminal.result({ runId, detached: true });
  invocation.terminal.say(`Run ${runId} has begun; follow it with \`signalbox runs show ${runId} --follow\`.`);
  return exitCodes.done;
}

async function branchOf(invocation: Invocation, folder: string | undefined): Promise<string | null> {
  const cwd = await whichFolder(invocation, folder);
  const { code, stdout } = await userGit(['symbolic-ref', '--quiet', 'HEAD'], { cwd, environment: invocation.variables });
  const ref = stdout.trim();
  return code === 0 && ref.startsWith('refs/heads/') ? ref : null;
}

export function userName(): string {
  try {
    return userInfo().username.slice(0, 100);
  } catch {
    return 'somebody';
  }
}
