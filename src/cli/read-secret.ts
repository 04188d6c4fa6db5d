import { SignalboxError } from '../domain/errors.ts';
import type { Terminal } from './terminal.ts';

/** Far more than any secret: a mistaken file is refused, not read to its end. */
const mostBytes = 1024 * 1024;

/**
 * What is typed (not shown) or piped in. Never an argument: those are in the shell's history and visible to everybody on the machine.
 * @returns the bytes without one newline at their end, and whether there was one.
 * @throws WRONG_USAGE when it is empty, far too long, or given up.
 */
export async function readSecret(terminal: Terminal, asks: string): Promise<{ readonly value: Buffer; readonly cut: boolean }> {
  const stdin = process.stdin;
  const bytes = stdin.isTTY ? Buffer.from(await typed(stdin, terminal, asks)) : await piped(stdin);
  const cut = !stdin.isTTY && bytes.at(-1) === 0x0a;
  const value = cut ? bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1) : bytes;
  if (value.length === 0) throw new SignalboxError('WRONG_USAGE', `${asks}: nothing was given on standard input.`);
  return { value, cut };
}

async function piped(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stream) {
    const bytes = Buffer.from(part as Uint8Array);
    parts.push(bytes);
    size += bytes.length;
    if (size > mostBytes) throw new SignalboxError('WRONG_USAGE', 'Standard input is larger than 1 MiB, which is no secret.');
  }
  return Buffer.concat(parts);
}

/** One line in raw mode, so that the terminal shows none of it. */
function typed(stdin: NodeJS.ReadStream, terminal: Terminal, asks: string): Promise<string> {
  terminal.note(`${asks} (not shown):`);
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (): void => {
      stdin.off('data', hear);
      stdin.setRawMode(false);
      stdin.pause();
    };
    const hear = (part: string): void => {
      for (const key of part) {
        if (key === '\r' || key === '\n') {
          end();
          resolve(text);
          return;
        }
        if (key === '\u0003' || key === '\u0004') {
          end();
          reject(new SignalboxError('WRONG_USAGE', 'Given up; nothing was changed.'));
          return;
        }
        text = key === '\u007f' || key === '\b' ? text.slice(0, -1) : text + key;
      }
    };
    stdin.setRawMode(true);
    stdin.setEncoding('utf8');
    stdin.on('data', hear);
    stdin.resume();
  });
}
