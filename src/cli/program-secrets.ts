import { Argument, InvalidArgumentError, Option } from 'commander';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';
import type { SecretAct, SecretOptions } from './secrets.ts';

export function addSecrets(verb: MakeVerb, run: RunVerb): void {
  verb('secrets', 'set, list and remove the secrets of an app, or back them up', 'signalbox secrets set STRIPE_KEY < key.txt')
    .addArgument(
      new Argument(
        '[act]',
        'list (default), set, versions, remove; rotate-key: exchange the key they are kept with; export, import: a sealed backup',
      )
        .choices(['list', 'set', 'versions', 'remove', 'rotate-key', 'export', 'import'])
        .default('list'),
    )
    .argument('[name]', 'name of the secret; with import: the file')
    .option('--file <file>', 'with set: take the value from a file, as it is; default: standard input')
    .option('--out <file>', 'with export: write a file instead of standard output')
    .addOption(new Option('--only <version>', 'with remove: this version alone').argParser(versionNumber))
    .option('--force', 'with remove: also what kept releases need')
    .action((act: SecretAct, name: string | undefined, options: CommonOptions & SecretOptions) =>
      run(options, async (to) => (await import('./secrets.ts')).secrets(to, { act, name }, options)),
    );
}

function versionNumber(text: string): number {
  if (/^v?[1-9]\d{0,8}$/.test(text)) return Number(text.replace('v', ''));
  throw new InvalidArgumentError('Expected a version such as 3.');
}
