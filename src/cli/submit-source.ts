import type { DeployBody, SourceBody } from '../api/contract.ts';
import type { AppName } from '../domain/values.ts';
import type { ApiClient } from './client.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { prepareSource } from './send-source.ts';
import { nameIn, whichFolder } from './which-app.ts';

export interface SourceChoice {
  readonly folder: string | undefined;
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly strategy?: DeployBody['strategy'] & string;
}

/** Sends the source of a folder and returns what a plan or deploy of it has to say. @throws NO_SOURCE, NO_APP_HERE */
export async function submitSource(
  invocation: Invocation,
  api: ApiClient,
  choice: SourceChoice,
): Promise<{ readonly app: AppName; readonly body: DeployBody; readonly subject: string }> {
  const { terminal, variables, app: given } = invocation;
  const folder = await whichFolder(invocation, choice.folder);
  const name =
    choice.folder !== undefined && given !== undefined && !/[/.]/.test(given) ? given : await nameIn(folder, variables);
  const { ref, dirty = false, strategy } = choice;
  const source = await prepareSource({ folder, dirty, environment: variables, ...(ref === undefined ? {} : { ref }) });
  try {
    tellLeftOut(invocation, source.leftOut);
    terminal.say(`Sending ${name} ${source.sha.slice(0, 7)} ${plain(source.subject)}`);
    const received = await api.upload<SourceBody>(
      `/v1/apps/${encodeURIComponent(name)}/source?ref=${encodeURIComponent(source.ref)}`,
      source.bundle,
    );
    const body: DeployBody = {
      sha: received.sha,
      dirty: source.dirty,
      folder: '.',
      folderName: source.folderName,
      ...(strategy === undefined ? {} : { strategy }),
    };
    return { app: name as AppName, body, subject: received.subject };
  } finally {
    await source.dispose();
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
