import type { StartCommand } from './facts.ts';

/** The scripts of package.json. */
export type Scripts = Readonly<Record<string, string>>;

const byManager = /^(npm|pnpm|yarn|bun)\s+(?:(?:run|run-script)\s+)?([\w:.-]+)((?:\s+[\s\S]*)?)$/;
const notScripts = new Set(['exec', 'x', 'dlx', 'node', 'create', 'init', 'install', 'ci', 'add', '--prefix', '-C']);

/**
 * A start command without a package manager in between: npm, as the parent of the server, would not hand signals on. Scripts with
 * `pre` and `post` scripts stay as they are.
 */
export function withoutManager(run: string, scripts: Scripts): string {
  let command = run.trim();
  for (let depth = 0; depth < 5; depth += 1) {
    const [, manager = '', name = '', rest = ''] = byManager.exec(command) ?? [];
    const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
    const usable =
      script !== undefined &&
      !notScripts.has(name) &&
      scripts[`pre${name}`] === undefined &&
      scripts[`post${name}`] === undefined &&
      !/\bnpm_(?:package|config|lifecycle)/.test(script) &&
      // `npm test` and `npm start` need no `run`; other names do.
      (manager !== 'npm' || /^npm\s+(?:run|run-script|start|stop|test|restart)\b/.test(command)) &&
      (rest.trim() === '' || topLevelOperators(script).length === 0) &&
      topLevelOperators(command).length === 0;
    if (!usable) return command;
    command = `${script.trim()}${rest.replace(/^(\s+)--\s+/, '$1').trimEnd()}`;
  }
  return command;
}

/** How a shell line is started so that signals reach the program itself. */
export function startCommand(line: string): StartCommand {
  const words = simpleWords(line);
  if (words === undefined) return { env: {}, start: { shell: withExec(line.trim()) } };
  const env: Record<string, string> = {};
  let rest = words[0] === 'exec' ? words.slice(1) : words;
  for (;;) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(rest[0] ?? '') ?? [];
    if (name !== undefined && value !== undefined) env[name] = value;
    else if (rest[0] !== 'cross-env' && rest[0] !== 'exec' && rest[0] !== 'env') break;
    else if (rest[0] === 'env' && rest[1]?.startsWith('-') === true) break;
    rest = rest.slice(1);
  }
  return rest.length === 0 ? { env: {}, start: { shell: line.trim() } } : { env, start: { words: rest } };
}

/** Words of a line that the shell would leave as they are; undefined where it would do more with it. */
function simpleWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const char of line.trim()) {
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (quote === '"' && /[$`\\]/.test(char)) return undefined;
      else word = `${word ?? ''}${char}`;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (char === '\n') return undefined;
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[|&;<>()$`\\*?[\]{}!]/.test(char) || ((char === '~' || char === '#') && word === undefined)) {
      return undefined;
    } else {
      word = `${word ?? ''}${char}`;
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** Operators of a shell line that stand outside of quotes and brackets. */
export function topLevelOperators(line: string): { readonly operator: string; readonly at: number }[] {
  const found: { operator: string; at: number }[] = [];
  let quote = '';
  let depth = 0;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] ?? '';
    if (char === '\\') at += 1;
    else if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'" || char === '`') quote = char;
    else if (char === '(' || char === '{') depth += 1;
    else if (char === ')' || char === '}') depth -= 1;
    else if (depth === 0 && /[&|;\n]/.test(char)) {
      const double = line[at + 1] === char && char !== '\n' && char !== ';';
      // `2>&1` and `>|` belong to a redirection.
      if (!double && (line[at - 1] === '>' || line[at - 1] === '<')) continue;
      found.push({ operator: double ? char + char : char, at });
      if (double) at += 1;
    }
  }
  return found;
}

const compound = /^(?:(?:if|while|until|for|case|exec|function|\{)(?:\s|$)|\()/;

/** `a && b` as `a && exec b`, so that the shell is not the parent of the server. Anything less plain stays as it is. */
function withExec(line: string): string {
  const operators = topLevelOperators(line);
  if (operators.some(({ operator }) => operator !== '&&')) return line;
  const start = (operators.at(-1)?.at ?? -2) + 2;
  const head = line.slice(0, start);
  const last = line.slice(start).trimStart();
  const assignments = /^(?:[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"'$`]|\$\{?\w+\}?)*\s+)*/.exec(last)?.[0] ?? '';
  const command = last.slice(assignments.length);
  if (command === '' || compound.test(command) || /^[A-Za-z_]\w*=/.test(command)) return line;
  const before = head === '' ? '' : `${head.trimEnd()} `;
  return `${before}${assignments}exec ${command}`;
}

/** The commands that a line joins by `&&`, where nothing else joins them. */
export function joinedByAnd(line: string): string[] {
  const operators = topLevelOperators(line);
  if (operators.some(({ operator }) => operator !== '&&')) return [line.trim()];
  const parts: string[] = [];
  let start = 0;
  for (const { at } of operators) {
    parts.push(line.slice(start, at).trim());
    start = at + 2;
  }
  parts.push(line.slice(start).trim());
  return parts.filter((part) => part !== '');
}
