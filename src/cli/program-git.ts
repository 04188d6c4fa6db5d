import { Argument } from 'commander';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';

type GitOptions = CommonOptions & { readonly name?: string };

/** `signalbox git`: what a person's git needs to push here. */
export function registerGit(verb: MakeVerb, run: RunVerb): void {
  const git = verb(
    'git',
    'have `git push` deploy: set up the remote of this repository',
    'signalbox git remote && git push signalbox main',
  );
  git
    .addArgument(
      new Argument('<act>', 'remote: add or update it; credential: what git itself asks for the token').choices([
        'remote',
        'credential',
      ]),
    )
    .argument('[what]', 'of credential: get, store or erase')
    .option('--name <name>', 'name of the remote; default: signalbox')
    .action((act: 'remote' | 'credential', what: string | undefined, options: GitOptions) => {
      if (act === 'remote' && what !== undefined) git.error('error: remote takes no further word', { exitCode: 2 });
      if (act === 'credential' && what === undefined) git.error("error: missing required argument 'what'", { exitCode: 2 });
      return run(options, async (to) =>
        act === 'remote'
          ? (await import('./git-remote.ts')).gitRemote(to, options)
          : (await import('./git-credential.ts')).gitCredential(to, what ?? ''),
      );
    });
}
