import { Argument, Option } from 'commander';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';

type Options = CommonOptions & Record<string, never>;

/** `run` and `runs`. */
export function addRunVerbs(verb: MakeVerb, run: RunVerb): void {
  verb('run', 'run the pipeline of a commit, and ship it when all has passed', 'signalbox run --no-deploy')
    .argument('[folder]', 'folder of the app; default: the current one')
    .addOption(new Option('--ref <ref>', 'branch, tag or commit; default: HEAD').conflicts('dirty'))
    .option('--dirty', 'send the files as they are, committed or not')
    .option('--no-deploy', 'only build and check')
    .option('--detach', 'return at once')
    .action(
      (folder: string | undefined, options: Options & { ref?: string; dirty?: boolean; deploy: boolean; detach?: boolean }) =>
        run(options, async (to) => (await import('./run.ts')).run(to, folder, options)),
    );
  const runs = verb('runs', 'list the runs of an app, or look at one', 'signalbox runs logs 01jd2m test');
  runs
    .addArgument(
      new Argument('[act]', 'list (default); show, logs, cancel, or retry: do again what did not pass')
        .choices(['list', 'show', 'logs', 'cancel', 'retry'])
        .default('list'),
    )
    .argument('[id]', 'id of a run; default: the newest one')
    .argument('[step]', 'with logs: one step alone')
    .option('-f, --follow', 'with show: wait for its end')
    .option('--find <text>', 'with logs: only lines that contain it')
    .addOption(
      new Option('-n, --limit <rows>', 'newest rows to show').argParser((text) => {
        const rows = /^\d{1,3}$/.test(text) ? Number(text) : 0;
        if (rows < 1 || rows > 500) runs.error('error: --limit: expected a whole number from 1 to 500.', { exitCode: 2 });
        return rows;
      }),
    )
    .action(
      (
        act: 'list' | 'show' | 'logs' | 'cancel' | 'retry',
        id: string | undefined,
        step: string | undefined,
        options: Options & { follow?: boolean; find?: string; limit?: number },
      ) =>
        run(options, async (to) =>
          (await import('./runs.ts')).runs(
            to,
            { act, ...(id === undefined ? {} : { id }), ...(step === undefined ? {} : { step }) },
            options,
          ),
        ),
    );
}
