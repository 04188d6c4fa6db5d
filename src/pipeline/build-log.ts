import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** Bytes of a build's output that are kept; what comes after is only counted, and its last lines are added at the end. */
const maxLogBytes = 4 * 1024 * 1024;
const maxLineLength = 4096;
/** Lines of a failed build's end that people see. */
const tailLines = 40;
/** Colours and cursor movements. */
// oxlint-disable-next-line no-control-regex -- the control character is what is looked for
const terminalCodes = /\u001b\[[0-9;?]*[A-Za-z]|\r(?!\n)/g;

/** The output of one build: a bounded file, the last lines, and each line to whoever watches. */
export interface BuildLog {
  write(chunk: Buffer): void;
  line(text: string): void;
  tail(): readonly string[];
  /** Resolves when the file is written; a full disk loses the log, never the build's result. */
  close(): Promise<void>;
}

export async function openBuildLog(file: string, onLine: (line: string) => void): Promise<BuildLog> {
  await mkdir(dirname(file), { recursive: true });
  const stream = createWriteStream(file, { flags: 'w', mode: 0o640 });
  let broken = false;
  stream.on('error', () => {
    broken = true;
  });
  const decoder = new StringDecoder('utf8');
  const last: string[] = [];
  let rest = '';
  let bytes = 0;
  let skipped = 0;

  const line = (text: string): void => {
    const clean = text.replace(terminalCodes, '').slice(0, maxLineLength);
    last.push(clean);
    if (last.length > tailLines) last.shift();
    bytes += Buffer.byteLength(clean) + 1;
    if (bytes > maxLogBytes) {
      skipped += 1;
      return;
    }
    if (!broken) stream.write(`${clean}\n`);
    onLine(clean);
  };
  return {
    write(chunk) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) line(text.replace(/\r$/, ''));
      if (rest.length > maxLineLength) {
        line(rest);
        rest = '';
      }
    },
    line,
    tail: () => (rest === '' ? [...last] : [...last, rest.replace(terminalCodes, '')].slice(-tailLines)),
    async close() {
      if (rest !== '') line(rest);
      rest = '';
      if (skipped > 0 && !broken) stream.write(`… ${skipped} lines left out …\n${last.join('\n')}\n`);
      await ended(stream);
    },
  };
}

const ended = (stream: WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.once('close', resolve);
    stream.end();
  });
