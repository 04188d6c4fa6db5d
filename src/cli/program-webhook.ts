import { Argument } from 'commander';
import type { CommonOptions } from './invocation.ts';
import type { MakeVerb, RunVerb } from './program-verb.ts';
import type { WebhookAct, WebhookOptions } from './webhook.ts';

/** `signalbox webhook`. */
export function registerWebhook(verb: MakeVerb, run: RunVerb): void {
  verb(
    'webhook',
    'take pushes that GitHub, GitLab, Gitea or Forgejo tell of',
    'signalbox webhook add github --url https://github.com/acme/portfolio.git --token-stdin < token',
  )
    .addArgument(
      new Argument('[act]', 'list (default): of all apps; add; remove; deliveries: what came and what became of it')
        .choices(['list', 'add', 'remove', 'deliveries'])
        .default('list'),
    )
    .argument('[forge]', 'with add: github, gitlab, or gitea (also for Forgejo)')
    .option('--url <address>', 'with add: of the repository; https, or ssh with a deploy key')
    .option('--api <address>', "with add: base of the forge's API, where it is not the usual one")
    .option('--secret-stdin', 'with add: the secret of the webhook comes on standard input; default: a new one')
    .option(
      '--token-stdin',
      'with add: a token comes on standard input (after the secret), to fetch and to write the status of commits',
    )
    .option('--deploy-key <file>', 'with add: private key to fetch over ssh with')
    .option('-n, --limit <rows>', 'with deliveries: newest rows to show', Number)
    .action((act: WebhookAct, kind: string | undefined, options: CommonOptions & WebhookOptions) =>
      run(options, async (to) => (await import('./webhook.ts')).webhook(to, { act, kind }, options)),
    );
}
