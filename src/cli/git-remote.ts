import { fileURLToPath } from 'node:url';
import type { StatusBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import { userGit } from './git.ts';
import type { Invocation } from './invocation.ts';
import { nameIn, whichFolder } from './which-app.ts';
import { findWorkTree } from './work-tree.ts';

/**
 * Adds or updates the remote by which `git push` deploys this repository. No token is written down: git asks this program for it, for
 * this address alone. @throws NO_SOURCE, CONTROL_PLANE_UNREACHABLE, WRONG_USAGE
 */
export async function gitRemote(invocation: Invocation, options: { readonly name?: string }): Promise<ExitCode> {
  const { terminal, variables } = invocation;
  const remote = options.name ?? 'signalbox';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$/.test(remote))
    throw new SignalboxError(
      'WRONG_USAGE',
      `${JSON.stringify(remote)} is no usable name of a remote: expected letters, digits, dots and dashes.`,
    );
  const isName = invocation.app !== undefined && !/[/.]/.test(invocation.app);
  const folder = isName ? invocation.cwd : await whichFolder(invocation, undefined);
  const { appRoot, repository } = await findWorkTree(folder, variables);
  if (repository === null)
    throw new SignalboxError('NO_SOURCE', `${appRoot} is in no git repository.`, { hint: 'Run `git init` and commit first.' });
  if (repository.prefix !== '')
    throw new SignalboxError(
      'NO_SOURCE',
      `The app is the folder ${repository.prefix} of its repository, and git pushes whole repositories.`,
      {
        hint: 'Deploy it with `signalbox deploy`, or put a signalbox.yaml at the top of the repository.',
      },
    );
  const app = isName ? (invocation.app ?? '') : await nameIn(folder, variables);
  const url = `${await baseUrl(invocation)}/git/${app}.git`;
  const run = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await userGit(words, { cwd: repository.top, environment: variables });
    if (code !== 0) throw new SignalboxError('NO_SOURCE', `git cannot be set up: ${stderr.trim().split('\n').at(-1) ?? ''}.`);
    return stdout.trim();
  };
  const before = (
    await userGit(['config', '--get', `remote.${remote}.url`], { cwd: repository.top, environment: variables })
  ).stdout.trim();
  if (before !== '' && !/^https?:\/\/[^/]+(?:\/[^/]+)*\/git\/[a-z0-9-]+\.git$/.test(before))
    throw new SignalboxError('WRONG_USAGE', `The remote ${remote} is there already and leads to ${plain(before)}.`, {
      hint: 'Choose another name with `--name`, or remove it with `git remote remove`.',
    });
  await run(...(before === '' ? ['remote', 'add', remote, url] : ['remote', 'set-url', remote, url]));
  if (before !== '' && before !== url)
    await userGit(['config', '--remove-section', `credential.${before}`], { cwd: repository.top, environment: variables });
  // An empty helper first: those that are set for everything would be asked, and would keep the token.
  await run('config', '--replace-all', `credential.${url}.helper`, '');
  await run('config', '--add', `credential.${url}.helper`, `!${helperCommand(invocation)}`);
  const branch = (
    await userGit(['symbolic-ref', '--short', '-q', 'HEAD'], { cwd: repository.top, environment: variables })
  ).stdout.trim();
  terminal.result({ app, remote, url });
  terminal.say(`The remote ${remote} of ${app} is ${url}`);
  terminal.say(`Deploy with: git push ${remote} ${branch === '' ? 'main' : plain(branch)}`);
  return exitCodes.done;
}

/** Of the control plane that this command line talks to. */
async function baseUrl(invocation: Invocation): Promise<string> {
  const { remote } = invocation.settings;
  if (remote !== null) return remote.url.replace(/\/+$/, '');
  const { addresses } = await (await invocation.api()).get<StatusBody>('/v1/status');
  return `http://127.0.0.1:${addresses.api}`;
}

/** This very program, wherever git is started; a control plane elsewhere is named by SIGNALBOX_URL and SIGNALBOX_TOKEN then as well. */
function helperCommand({ settings, home }: Invocation): string {
  const program = [process.execPath, process.argv[1] ?? fileURLToPath(import.meta.url)];
  const words = [...program, 'git', 'credential', ...(settings.remote === null ? ['--home', home.root] : [])];
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
