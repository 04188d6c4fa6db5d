import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { DevVerbOptions } from './dev.ts';
import type { CommonOptions } from './invocation.ts';
import { addCheckVerbs } from './program-checks.ts';
import { addHooksVerb } from './program-hooks.ts';
import { addEnvironmentVerbs, owner, promotion } from './program-environments.ts';
import { registerGit } from './program-git.ts';
import { addSecrets } from './program-secrets.ts';
import { registerWebhook } from './program-webhook.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';
import { addRunVerbs } from './program-runs.ts';

type Options = CommonOptions & Record<string, never>;

/** The command line as product.md describes it. Nothing is loaded here but commander. */
export function buildProgram(version: string, run: RunVerb): Command {
  const program = new Command('signalbox')
    .description('Releases on one machine: nothing dropped, rolled back by itself when it goes wrong.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .helpCommand('help [verb]', 'explain a verb')
    .configureHelp({
      subcommandTerm: (command) => [command.name(), command.usage().replace('[options]', '').trim()].join(' ').trim(),
    })
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 rolled back, 4 control plane not reachable.',
    );

  const verb: MakeVerb = (usage, summary, example) =>
    program
      .command(usage)
      .summary(summary)
      .description(`${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`)
      .option('--app <folder or name>', 'the app; default: the one of the current folder')
      .option('--env <name>', 'its environment; default: production')
      .option('--json', 'print nothing but JSON')
      .option('--home <dir>', 'home of the installation; default: SIGNALBOX_HOME or ~/.signalbox')
      .addHelpText('after', `\nExample:\n  ${example}`);

  verb('up', 'start Signalbox on this machine', 'signalbox up --detach')
    .option('--detach', 'return once everything listens; go on in the background')
    .option('--install', 'write a systemd unit that starts it with the machine')
    .action((options: Options & { detach?: boolean; install?: boolean }) =>
      run(options, async (to) => (await import('./up.ts')).up(to, options)),
    );
  verb('down', 'stop control plane, keeper and proxy on this machine', 'signalbox down')
    .option('--all', 'stop the apps too')
    .action((options: Options & { all?: boolean }) => run(options, async (to) => (await import('./down.ts')).down(to, options)));
  verb('init', 'look at a repository and write its signalbox.yaml', 'signalbox init')
    .argument('[folder]', 'folder of the app')
    .option('--force', 'replace a signalbox.yaml that is there')
    .action((folder: string | undefined, options: Options & { force?: boolean }) =>
      run(options, async (to) => (await import('./init.ts')).init(to, folder, options)),
    );
  verb('dev', 'run the whole stack of a repository on this machine, reloading as you edit', 'signalbox dev --only web,api')
    .argument('[folder]', 'folder of the app; default: the current one')
    .addOption(
      new Option('--port <port>', 'port of the one address; default: 3080 or the next free one').argParser(
        wholeNumber(0, 65_535),
      ),
    )
    .option('--only <services>', 'start these alone, separated by commas')
    .option('--install', 'install dependencies also without a lock file, or when they look old')
    .addOption(
      new Option(
        '--runtime <runtime>',
        'what services and accessories run as; default: processes, containers for accessories that this system cannot give',
      ).choices(['process', 'docker']),
    )
    .option('--no-accessories', 'leave databases and the like to you')
    .option('--show-secrets', 'print the passwords of accessories with their addresses')
    .option('--https', 'serve HTTPS with a local certificate authority')
    .action((folder: string | undefined, options: Options & DevVerbOptions) =>
      run(options, async (to) => (await import('./dev.ts')).dev(to, folder, options)),
    );
  verb('generate', 'make files for a repository: Dockerfiles, compose.yaml, workflows and more', 'signalbox generate compose')
    .argument('[what]', 'dockerfile, compose, env-example, github-actions or pre-commit; see --list')
    .argument('[folder]', 'folder of the app')
    .option('--check', 'change nothing; exit code 1 when a file is not up to date')
    .option('--list', 'say what can be made, and what each needs')
    .option('--force', 'replace files that were changed by hand or are your own')
    .option('--target <target>', 'of github-actions: ship main to aws (default) or by a signalbox')
    .option('--credentials <kind>', 'of github-actions: sign in to AWS by oidc (default) or by secrets of GitHub')
    .action(
      (
        what: string | undefined,
        folder: string | undefined,
        options: Options & { check?: boolean; list?: boolean; force?: boolean; target?: string; credentials?: string },
      ) => run(options, async (to) => (await import('./generate.ts')).generate(to, { what, folder }, options)),
    );
  promotion(source(verb('plan', 'print what a deploy would do, and change nothing', 'signalbox plan'))).action(
    (folder: string | undefined, options: Options & SourceOptions) =>
      run(options, async (to) => (await import('./plan.ts')).plan(to, folder, options)),
  );
  promotion(
    waiting(source(verb('deploy', 'send the source, build, release and roll out', 'signalbox deploy --strategy canary'))),
  ).action((folder: string | undefined, options: Options & SourceOptions & WaitOptions) =>
    run(options, async (to) => (await import('./deploy.ts')).deploy(to, folder, options)),
  );
  waiting(verb('rollback', 'go back to an earlier release', 'signalbox rollback --to v3'))
    .option('--to <release>', 'release to go to; default: the last proven one')
    .option('--force', 'also when migrations have changed since')
    .action((options: Options & WaitOptions & { to?: string; force?: boolean }) =>
      run(options, async (to) => (await import('./rollback.ts')).rollback(to, options)),
    );
  for (const [name, summary] of Object.entries({
    promote: 'skip the remaining steps of the running rollout',
    abort: 'undo the running rollout',
    pause: 'halt the clock of the running rollout',
    resume: 'let a paused or held rollout go on',
  } as const))
    owner(verb(name, summary, `signalbox ${name}`))
      .option('--rollout <id>', 'which rollout; default: the running one')
      .action((options: Options & { rollout?: string; owner?: string }) =>
        run(options, async (to) =>
          (await import('./steer.ts')).steer(to, name as 'promote' | 'abort' | 'pause' | 'resume', options),
        ),
      );
  verb('accessories', 'look at databases and the like, restart, change or remove them', 'signalbox accessories restart db')
    .addArgument(
      new Argument('[act]', 'what to do; default: list')
        .choices(['list', 'restart', 'apply', 'remove', 'password'])
        .default('list'),
    )
    .argument('[name]', 'name of the accessory')
    .option('--yes', 'of remove: yes, end it')
    .option('--delete-data', 'of remove: delete its data and password, too, for good')
    .action(
      (
        act: 'list' | 'restart' | 'apply' | 'remove' | 'password',
        name: string | undefined,
        options: Options & { yes?: boolean; deleteData?: boolean },
      ) => run(options, async (to) => (await import('./accessories.ts')).accessories(to, { act, name }, options)),
    );
  addSecrets(verb, run);
  owner(verb('traffic', 'hold, refuse or serve the requests of an app', 'signalbox traffic stop --message "Back at noon"'))
    .addArgument(
      new Argument('<kind>', 'hold: pause them in a bounded queue; stop: answer 503; open: serve').choices([
        'hold',
        'stop',
        'open',
      ]),
    )
    .option('--message <text>', 'shown to people meanwhile')
    .action((kind: 'hold' | 'stop' | 'open', options: Options & { message?: string; owner?: string }) =>
      run(options, async (to) => (await import('./traffic.ts')).traffic(to, kind, options)),
    );
  addEnvironmentVerbs(verb, run);
  verb('status', 'show what runs, and what does not run as declared', 'signalbox status').action((options: Options) =>
    run(options, async (to) => (await import('./status.ts')).status(to)),
  );
  verb('releases', 'list the releases of an app', 'signalbox releases --env staging')
    .addOption(limit())
    .action((options: Options & { limit?: number }) =>
      run(options, async (to) => (await import('./releases.ts')).releases(to, options)),
    );
  const rollouts = verb('rollouts', 'list the rollouts of an app, or show one', 'signalbox rollouts show 01jd2m --follow');
  rollouts
    .argument('[show]', 'the word "show", then the id')
    .argument('[id]', 'id of a rollout')
    .option('-f, --follow', 'with show: wait for its end')
    .addOption(limit())
    .action((word: string | undefined, id: string | undefined, options: Options & { follow?: boolean; limit?: number }) => {
      if (word !== undefined && word !== 'show')
        rollouts.error(`error: unknown command '${word}' of rollouts\n(Did you mean show?)`, { exitCode: 2 });
      if (word === 'show' && id === undefined) rollouts.error("error: missing required argument 'id'", { exitCode: 2 });
      return run(options, async (to) => {
        const { rollouts: list, showRollout } = await import('./rollouts.ts');
        return id === undefined ? list(to, options) : showRollout(to, id, options);
      });
    });
  verb('events', 'show what has happened', 'signalbox events -f')
    .option('-f, --follow', 'go on with what happens')
    .addOption(limit())
    .action((options: Options & { follow?: boolean; limit?: number }) =>
      run(options, async (to) => (await import('./events.ts')).events(to, options)),
    );
  verb('logs', 'show the output of an app', 'signalbox logs web -f')
    .argument('[service]', 'default: all of them')
    .option('-f, --follow', 'go on with what is written')
    .option('--release <release>', 'default: the one with traffic')
    .addOption(new Option('-n, --tail <lines>', 'lines to begin with').argParser(wholeNumber(0, 10_000)))
    .action((service: string | undefined, options: Options & { follow?: boolean; release?: string; tail?: number }) =>
      run(options, async (to) => (await import('./logs.ts')).logs(to, service, options)),
    );
  verb('demo', 'ship three releases under load in a Signalbox of its own', 'signalbox demo --once')
    .option('--once', 'end by itself, with 0 only if everything it says is true')
    .addOption(new Option('--sabotage <what>', 'make it lose a request, to see that it would say so').choices(['drop']))
    .action((options: Options & { once?: boolean; sabotage?: 'drop' }) =>
      run(options, async (to) => (await import('./demo.ts')).demo(to, options)),
    );
  const certificates = verb(
    'certificates',
    'show, check and add the certificates of HTTPS',
    'signalbox certificates add --cert fullchain.pem --key privkey.pem',
  );
  certificates
    .addArgument(
      new Argument('[act]', 'list (default); reload: read the folder now; check or add a pair; local: make one for this machine')
        .choices(['list', 'reload', 'check', 'add', 'local'])
        .default('list'),
    )
    .argument('[hosts...]', 'with local: names of this machine; default: localhost and those of the apps')
    .option('--cert <file>', 'with check and add: the certificate with its chain, PEM')
    .option('--key <file>', 'with check and add: its private key, PEM; default: in the same file')
    .option('--name <name>', 'with add: name of the files; default: the first host')
    .action((act: string, hosts: string[], options: Options & { cert?: string; key?: string; name?: string }) => {
      if (act !== 'local' && hosts.length > 0) certificates.error(`error: ${act} takes no hosts`, { exitCode: 2 });
      return run(options, async (to) => {
        const verbs = await import('./certificates.ts');
        if (act === 'check') return verbs.check(to, options);
        if (act === 'add') return verbs.add(to, options);
        return act === 'local' ? verbs.local(to, hosts) : verbs.list(to, act === 'reload');
      });
    });
  addCheckVerbs(verb, run);
  addHooksVerb(verb, run);
  registerGit(verb, run);
  registerWebhook(verb, run);
  addRunVerbs(verb, run);
  verb('doctor', 'check this machine and the installation, and say how to mend', 'signalbox doctor').action((options: Options) =>
    run(options, async (to) => (await import('./doctor.ts')).doctor(to)),
  );
  return program;
}

interface SourceOptions {
  readonly ref?: string;
  readonly dirty?: boolean;
  readonly diverged?: boolean;
  readonly strategy?: 'blue-green' | 'rolling' | 'canary';
}

const source = (verb: Command): Command =>
  verb
    .argument('[folder]', 'folder of the app; default: the current one')
    .addOption(new Option('--ref <ref>', 'branch, tag or commit; default: HEAD').conflicts('dirty'))
    .option('--dirty', 'send the files as they are, committed or not')
    .option('--diverged', 'also a branch that lacks commits of the one it follows')
    .addOption(new Option('--strategy <strategy>', 'instead of the configured one').choices(['blue-green', 'rolling', 'canary']));

interface WaitOptions {
  readonly until?: 'live';
  readonly detach?: boolean;
}

const waiting = (verb: Command): Command =>
  verb
    .addOption(new Option('--until <point>', 'return as soon as all traffic is on it').choices(['live']).conflicts('detach'))
    .option('--detach', 'return at once');

const limit = (): Option => new Option('-n, --limit <rows>', 'newest rows to show').argParser(wholeNumber(1, 500));

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
