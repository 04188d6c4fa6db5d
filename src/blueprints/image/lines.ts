import type { DownloadCache } from './facts.ts';

/** One instruction that runs a command with the shell. Commands of several lines go as JSON, which keeps them whole. */
export function runLine(command: string, cache?: DownloadCache): string {
  const mount = cache === undefined ? '' : `--mount=type=cache,target=${cache.folder} `;
  const plain = !/[\r\n]|\\$|^\s*\[|<<|^--/.test(command);
  return `RUN ${mount}${plain ? command.trim() : JSON.stringify(['/bin/sh', '-c', command])}`;
}

/** `ENV A=b C="d e"`, one variable a line after the first; nothing for none. */
export function envLines(variables: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(variables);
  return entries.length === 0 ? [] : [`ENV ${entries.map(([name, value]) => `${name}=${envValue(value)}`).join(' \\\n    ')}`];
}

/** `$` would be replaced by the builder, and quotes and backslashes be taken away. */
const envValue = (value: string): string => (/^[\w./:@%+,-]+$/.test(value) ? value : `"${value.replace(/["\\$]/g, '\\$&')}"`);

/** Variables that an ENV instruction cannot hold. */
export const hasLineBreak = (value: string): boolean => /[\r\n]/.test(value);

export function copyLine(from: readonly string[], to: string, options = ''): string {
  // The builder replaces variables in paths and reads these as patterns.
  const paths = [...from, to].map((path) =>
    path.replaceAll('$', '\\$').replace(/[*?[]/g, (char) => (char === '[' ? '[[]' : `[${char}]`)),
  );
  const words = paths.some((path) => /\s|"|^\[/.test(path)) ? JSON.stringify(paths) : paths.join(' ');
  return `COPY ${options === '' ? '' : `${options} `}${words}`;
}

/** A comment, wrapped, each line of it marked. */
export function comment(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > 120 && line !== '#') {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
