import { Argument, type Command, Option } from 'commander';
import type { EnvironmentAct } from './env.ts';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';

/** Options of `deploy` and `plan` that take what another environment has tested instead of a source. */
export const promotion = (verb: Command): Command =>
  verb
    .addOption(
      new Option(
        '--from <environment>',
        'what this environment has tested, as it was built there; nothing is sent or built',
      ).conflicts(['ref', 'dirty']),
    )
    .option('--release <release>', 'with --from: which release of it; default: the one with traffic')
    .option('--force', 'with --from: also a release that has not proven itself')
    .option('--force-window <reason>', 'also while no window for deploys is open; the reason goes on record')
    .option('--owner <who>', 'who asks, where the environment is locked; default: your git name and this machine');

export const owner = (verb: Command): Command =>
  verb.option('--owner <who>', 'who asks, where the environment is locked; default: your git name and this machine');

export function addEnvironmentVerbs(verb: MakeVerb, run: RunVerb): void {
  const env = verb(
    'env',
    'look at environments, compare them, lock them, mend drift',
    'signalbox env lock production --reason "moving the database"',
  );
  env
    .addArgument(
      new Argument('[act]', 'list (default), show, diff, lock, unlock, sync')
        .choices(['list', 'show', 'diff', 'lock', 'unlock', 'sync'])
        .default('list'),
    )
    .argument('[name]', 'the environment; default: --env')
    .argument('[other]', 'with diff: the other one')
    .option('--reason <text>', 'with lock: why')
    .option('--owner <who>', 'with lock, unlock and sync: who asks; default: your git name and this machine')
    .option('--force', 'with unlock: also a lock of somebody else')
    .option('--data', 'with sync: copy data, too')
    .action(
      (
        act: EnvironmentAct,
        name: string | undefined,
        other: string | undefined,
        options: CommonOptions & { reason?: string; owner?: string; force?: boolean; data?: boolean },
      ) => {
        if (other !== undefined && act !== 'diff') env.error(`error: ${act} takes one environment`, { exitCode: 2 });
        return run(options, async (to) => (await import('./env.ts')).env(to, { act, name, other }, options));
      },
    );
}
