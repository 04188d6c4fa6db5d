import { access, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderReader } from '../config/folder-reader.ts';
import { initialFile } from '../config/init.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { whichFolder } from './which-app.ts';

/**
 * Writes what a deploy without a file would assume, and says why, for people to read and change.
 * @throws FILE_EXISTS (without force), NOTHING_DETECTED, NO_APP_HERE
 */
export async function init(
  invocation: Invocation,
  folder: string | undefined,
  { force = false }: { readonly force?: boolean },
): Promise<ExitCode> {
  const { terminal } = invocation;
  const root = await whichFolder(invocation, folder);
  const file = join(root, 'signalbox.yaml');
  const other = join(root, 'signalbox.yml');
  if (await isThere(other))
    throw new SignalboxError('FILE_EXISTS', `${other} is there already.`, { hint: 'Edit it, or remove it first.' });
  if (!force && (await isThere(file))) throw new SignalboxError('FILE_EXISTS', `${file} is there already.`);
  const { text, explanation } = await initialFile(folderReader(root));
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
  terminal.result({ file, explanation, text });
  for (const line of aligned(explanation.map(plain))) terminal.say(`  ${line}`);
  terminal.say(`${terminal.paint.green('✓')} Wrote ${file}. Next: commit it, \`signalbox plan\`, \`signalbox deploy\`.`);
  return exitCodes.done;
}

/** Places in files stand in a column of their own. */
function aligned(lines: readonly string[]): readonly string[] {
  const found = lines.map((line) => /^(?<place>\S+) {2}(?<text>.*)$/.exec(line)?.groups);
  const width = Math.max(0, ...found.map((parts) => parts?.['place']?.length ?? 0));
  return lines.map((line, index) => {
    const { place = '', text } = found[index] ?? {};
    return text === undefined ? line : `${place.padEnd(width)}  ${text}`;
  });
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
