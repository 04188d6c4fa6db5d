import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { detect } from '../config/detect/detect.ts';
import { detectedFile } from '../config/detect/to-file.ts';
import { folderReader } from '../config/folder-reader.ts';
import { appNameOf } from '../config/load.ts';
import { SignalboxError } from '../domain/errors.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { whichFolder } from './which-app.ts';

/** Writes what a deploy without a file would assume, for people to read and change. @throws FILE_EXISTS, NOTHING_DETECTED */
export async function init(
  invocation: Invocation,
  folder: string | undefined,
  { force = false }: { readonly force?: boolean },
): Promise<ExitCode> {
  const { terminal } = invocation;
  const root = await whichFolder(invocation, folder);
  for (const name of ['signalbox.yaml', 'signalbox.yml']) {
    if (!force && (await isThere(join(root, name))))
      throw new SignalboxError('FILE_EXISTS', `${join(root, name)} is there already.`);
  }
  const reader = folderReader(root);
  const detection = await detect(reader);
  const file = join(root, 'signalbox.yaml');
  const { smoke, services } = detectedFile(detection);
  await writeFile(file, stringify({ app: appNameOf(reader.folderName), services, ...(smoke.length > 0 ? { smoke } : {}) }));
  terminal.result({ file, findings: detection.findings });
  for (const { text, file: where, line, kind } of detection.findings) {
    const evidence = where === undefined ? '' : terminal.paint.dim(`  (${where}${line === undefined ? '' : `:${line}`})`);
    terminal.say(`${kind === 'note' ? terminal.paint.yellow('note:') : terminal.paint.green('✓')} ${plain(text)}${evidence}`);
  }
  terminal.say(`Wrote ${file}. Next: \`signalbox plan\`, then \`signalbox deploy\`.`);
  return exitCodes.done;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
