import { Argument } from 'commander';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';

type HooksVerbOptions = CommonOptions & { readonly chain?: boolean };

/** `signalbox hooks`: what git asks before a commit and before a push. */
export function addHooksVerb(verb: MakeVerb, run: RunVerb): void {
  const hooks = verb('hooks', 'look at every commit and push of this repository before it is made', 'signalbox hooks install');
  hooks
    .addArgument(
      new Argument('<act>', 'install, remove or show them (status); run: what the hooks themselves call').choices([
        'install',
        'remove',
        'status',
        'run',
      ]),
    )
    .argument('[words...]', 'of run: pre-commit, or pre-push with the name of the remote')
    .option('--chain', 'of install: run a hook that is there already before this one')
    .action((act: 'install' | 'remove' | 'status' | 'run', words: readonly string[], options: HooksVerbOptions) => {
      const [hook, remote = 'origin'] = words;
      if (act !== 'run' && hook !== undefined) hooks.error(`error: ${act} takes no further word`, { exitCode: 2 });
      if (act === 'run' && hook !== 'pre-commit' && hook !== 'pre-push')
        hooks.error('error: run takes pre-commit or pre-push', { exitCode: 2 });
      return run(options, async (to) => {
        if (act === 'run') {
          const { runPreCommit, runPrePush } = await import('./hook-run.ts');
          return hook === 'pre-commit' ? runPreCommit(to) : runPrePush(to, remote);
        }
        const { installHooks, removeHooks, showHooks } = await import('./hooks.ts');
        return act === 'install' ? installHooks(to, options) : act === 'remove' ? removeHooks(to) : showHooks(to);
      });
    });
}
