/** The moments at which git asks. */
export const hookNames = ['pre-commit', 'pre-push'] as const;
export type HookName = (typeof hookNames)[number];

/** Where a hook that was there before lies while ours runs it. */
export const chainedName = (hook: HookName): string => `${hook}.before-signalbox`;

/** What a hook's file is: `edited` was ours and has been changed since. */
export type HookState = 'absent' | 'ours' | 'edited' | 'foreign';

const mark = (hook: HookName): string => `# signalbox:hook ${hook}`;

/**
 * A hook's file: first what was there before, then our own look. It names the program by its path, because git starts hooks from
 * editors and other places that have another PATH. Without that program it refuses rather than letting everything through unseen.
 */
export function hookText(hook: HookName, program: { readonly node: string; readonly script: string }): string {
  const [node, script] = [quoted(program.node), quoted(program.script)];
  const before = '"$0.before-signalbox"';
  return [
    '#!/bin/sh',
    `${mark(hook)}: made by \`signalbox hooks install\`, taken away by \`signalbox hooks remove\`.`,
    `if [ ! -x ${node} ] || [ ! -e ${script} ]; then`,
    `  echo 'This hook needs Signalbox, which is not where it was. Remove '"$0"', or go past it with --no-verify.' >&2`,
    '  exit 1',
    'fi',
    ...(hook === 'pre-push'
      ? [
          '# Both read the same list of what is pushed.',
          'list=$(cat)',
          'give() { if [ -n "$list" ]; then printf \'%s\\n\' "$list"; fi; }',
          `if [ -x ${before} ]; then give | ${before} "$@" || exit; fi`,
          `give | ${node} ${script} hooks run ${hook} "$@"`,
        ]
      : [`if [ -x ${before} ]; then ${before} "$@" || exit; fi`, `exec ${node} ${script} hooks run ${hook} "$@"`]),
    '',
  ].join('\n');
}

/** @param present what stands in the hook's place; null: nothing */
export function hookState(hook: HookName, present: string | null): HookState {
  if (present === null) return 'absent';
  if (present.split('\n')[1]?.startsWith(mark(hook)) !== true) return 'foreign';
  const [, node, script] = /^if \[ ! -x ('.*') \] \|\| \[ ! -e ('.*') \]; then$/m.exec(present) ?? [];
  if (node === undefined || script === undefined) return 'edited';
  return present === hookText(hook, { node: unquoted(node), script: unquoted(script) }) ? 'ours' : 'edited';
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const unquoted = (text: string): string => text.slice(1, -1).replaceAll(`'\\''`, "'");
