import { Document, isMap, isScalar, isSeq, visit } from 'yaml';
import type { CheckCommand } from './checks/facts.ts';
import type { GeneratedFile } from './generated.ts';
import { serviceGroups } from './github-actions/groups.ts';
import { word } from './github-actions/yaml.ts';
import type { BlueprintInput } from './input.ts';

/** Where the general hooks come from; pinned to a commit, because a tag can be moved to other code. */
const general = {
  repo: 'https://github.com/pre-commit/pre-commit-hooks',
  rev: '3e8a8703264a2f4a69428a0aa4dcb512790b2c8c',
  version: 'v6.0.0',
};

/**
 * .pre-commit-config.yaml: what is wrong in any repository, then the checks that this one declares itself, each where its folder has
 * changed. What takes long waits for the push.
 */
export function preCommitFile(input: BlueprintInput): GeneratedFile {
  const seen = new Set<string>();
  const local = serviceGroups(input).flatMap(({ name, checks }) =>
    (
      [
        ['lint', checks.lint],
        ['format', checks.format],
        ['types', checks.types],
        ['test', checks.test],
      ] as const
    ).flatMap(([kind, command]) => {
      // Services above their own folder may share its checks.
      const key = `${command?.folder} ${command?.command}`;
      if (command === undefined || seen.has(key)) return [];
      seen.add(key);
      return [hook(name, kind, command)];
    }),
  );
  const document = new Document({
    minimum_pre_commit_version: '3.2.0',
    default_install_hook_types: ['pre-commit', 'pre-push'],
    default_stages: ['pre-commit'],
    repos: [
      {
        repo: general.repo,
        rev: general.rev,
        hooks: [
          { id: 'check-merge-conflict' },
          { id: 'detect-private-key' },
          { id: 'check-added-large-files', args: ['--maxkb=1024'] },
          { id: 'check-case-conflict' },
          { id: 'check-yaml', args: ['--allow-multiple-documents'] },
          { id: 'end-of-file-fixer' },
          { id: 'trailing-whitespace', args: ['--markdown-linebreak-ext=md'] },
        ],
      },
      ...(local.length === 0 ? [] : [{ repo: 'local', hooks: local }]),
    ],
  });
  document.commentBefore = [
    ' To set up, once in each clone: `pipx install pre-commit && pre-commit install`.',
    ' All files: `pre-commit run --all-files`. Newer versions: `pre-commit autoupdate --freeze`. Past them: `git commit --no-verify`.',
    ...(local.length === 0 ? [] : [' The hooks of this repository need its packages installed.']),
  ].join('\n');
  visit(document, {
    Pair(_, { key, value }) {
      const name = isScalar(key) ? key.value : undefined;
      if (name === 'rev' && isScalar(value)) value.comment = ` frozen: ${general.version}`;
      if (isSeq(value) && name !== 'repos' && name !== 'hooks') value.flow = true;
    },
  });
  const repos = document.get('repos');
  if (isSeq(repos)) for (const one of repos.items.slice(1)) if (isMap(one)) one.spaceBefore = true;
  return { path: '.pre-commit-config.yaml', text: document.toString({ lineWidth: 0, flowCollectionPadding: false }) };
}

const waits: ReadonlySet<string> = new Set(['test']);

const hook = (service: string, kind: string, { command, folder }: CheckCommand): Readonly<Record<string, unknown>> => ({
  id: `${service}-${kind}`,
  name: `${kind} ${service}`,
  // It is split into words and started without a shell.
  entry: folder === '.' ? `sh -c ${quoted(command)}` : `sh -c ${quoted(`cd ${word(folder)} && ${command}`)}`,
  language: 'system',
  ...(folder === '.' ? {} : { files: `^${folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/` }),
  pass_filenames: false,
  ...(waits.has(kind) ? { stages: ['pre-push'] } : {}),
});

const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;
