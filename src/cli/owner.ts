import { hostname, userInfo } from 'node:os';
import { userGit } from './git.ts';
import type { Invocation } from './invocation.ts';

/**
 * Who asks, for locks of environments: `--owner`, else SIGNALBOX_OWNER, else the name in the user's git settings (or of the user) and this
 * machine, as `Ana on laptop`.
 */
export async function whoAsks({ variables, cwd }: Invocation, owner: string | undefined): Promise<string> {
  const said = owner ?? variables['SIGNALBOX_OWNER'];
  if (said !== undefined && said.trim() !== '') return oneLine(said);
  const { code, stdout } = await userGit(['config', '--get', 'user.name'], { cwd, environment: variables });
  const name = code === 0 && stdout.trim() !== '' ? stdout : userName();
  return oneLine(`${name.trim()} on ${hostname()}`);
}

const oneLine = (text: string): string =>
  text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 200);

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in the system's list, as in some containers.
    return 'somebody';
  }
}
