import { SignalboxError } from '../domain/errors.ts';

/** What is longer is no secret but a mistake. */
const mostBytes = 64 * 1024;

/**
 * One line of standard input for each name, in this order. Secrets are never taken from the command line, where every user of the
 * machine can read them. @throws WRONG_USAGE when there are fewer lines, or more.
 */
export async function readSecrets<Name extends string>(names: readonly Name[]): Promise<Partial<Record<Name, string>>> {
  if (names.length === 0) return {};
  if (process.stdin.isTTY) process.stderr.write(`${names.join(', then ')}, a line each, then Ctrl-D:\n`);
  let text = '';
  for await (const part of process.stdin.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > mostBytes) break;
  }
  const lines = text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .map((line) => line.trim());
  if (lines.length !== names.length || lines.includes(''))
    throw new SignalboxError(
      'WRONG_USAGE',
      `Expected ${names.length === 1 ? 'one line' : `${names.length} lines`} on standard input: the ${names.join(', then the ')}.`,
    );
  return Object.fromEntries(names.map((name, index) => [name, lines[index]])) as Partial<Record<Name, string>>;
}
