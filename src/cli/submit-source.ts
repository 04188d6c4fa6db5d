import type { DeployBody, ListBody, ReleaseBody, SourceBody } from '../api/contract.ts';
import { refuseDiverged } from '../domain/divergence.ts';
import type { AppName } from '../domain/values.ts';
import type { ApiClient } from './client.ts';
import { exitCodes, RefusedError } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { environmentPath } from './paths.ts';
import { patiently } from './patience.ts';
import { type PreparedSource, prepareSource } from './send-source.ts';
import { trackedBranch } from './upstream.ts';
import { nameIn, whichFolder } from './which-app.ts';

export interface SourceChoice {
  readonly folder: string | undefined;
  readonly ref?: string;
  readonly dirty?: boolean;
  /** Also a branch that lacks commits of the one it follows. */
  readonly diverged?: boolean;
  readonly strategy?: DeployBody['strategy'] & string;
  readonly forceWindow?: string;
}

/** Sends the source of a folder and returns what a plan or deploy of it has to say. @throws NO_SOURCE, NO_APP_HERE, SOURCE_DIVERGED */
export async function submitSource(
  invocation: Invocation,
  api: ApiClient,
  choice: SourceChoice,
): Promise<{ readonly app: AppName; readonly body: DeployBody; readonly subject: string }> {
  const { terminal, variables, app: given } = invocation;
  const folder = await whichFolder(invocation, choice.folder);
  const name =
    choice.folder !== undefined && given !== undefined && !/[/.]/.test(given) ? given : await nameIn(folder, variables);
  const { ref, dirty = false, diverged = false, strategy, forceWindow } = choice;
  const tracked = dirty || diverged ? undefined : await trackedBranch(folder, ref ?? 'HEAD', variables);
  if (tracked !== undefined) refuseDiverged(tracked);
  const request = { folder, dirty, environment: variables, ...(ref === undefined ? {} : { ref }) };
  const known = await knownCommits(api, environmentPath(name, invocation.environment));
  const send = async (history: readonly string[], quiet: boolean): Promise<{ source: PreparedSource; received: SourceBody }> => {
    const source = await prepareSource({ ...request, known: history });
    const interrupted = (): void => void source.dispose().finally(() => process.exit(exitCodes.interrupted));
    process.once('SIGINT', interrupted);
    try {
      if (!quiet) {
        tellLeftOut(invocation, source.leftOut);
        terminal.say(`Sending ${name} ${source.sha.slice(0, 7)} ${plain(source.subject)}`);
      }
      const path = `/v1/apps/${encodeURIComponent(name)}/source?ref=${encodeURIComponent(source.ref)}`;
      return { source, received: await patiently(() => api.upload<SourceBody>(path, source.bundle)) };
    } finally {
      process.off('SIGINT', interrupted);
      await source.dispose();
    }
  };
  const { source, received } = await send(known, false).catch((error: unknown) => {
    // What it kept then may have been tidied away since: send everything.
    if (known.length > 0 && error instanceof RefusedError && error.problem.code === 'BAD_BUNDLE') return send([], true);
    throw error;
  });
  const body: DeployBody = {
    sha: received.sha,
    dirty: source.dirty,
    folder: '.',
    folderName: source.folderName,
    ...(strategy === undefined ? {} : { strategy }),
    ...(forceWindow === undefined ? {} : { forceWindow }),
  };
  return { app: name as AppName, body, subject: received.subject };
}

/** Commits of kept releases: their history need not be sent again. The first call, so an absent control plane is found out here. */
async function knownCommits(api: ApiClient, path: string): Promise<readonly string[]> {
  try {
    return (await api.get<ListBody<ReleaseBody>>(`${path}/releases?limit=20`)).items.map((release) => release.sha);
  } catch (error) {
    if (error instanceof RefusedError && error.problem.code === 'NOT_FOUND') return [];
    throw error;
  }
}

function tellLeftOut({ terminal }: Invocation, files: readonly string[]): void {
  if (files.length === 0) return;
  const shown = files.slice(0, 5).map(plain).join(', ');
  const more = files.length > 5 ? ` and ${files.length - 5} more` : '';
  terminal.note(
    `${terminal.paint.yellow('note:')} not committed, so not part of this: ${shown}${more}. Use --dirty to send the files as they are.`,
  );
}
