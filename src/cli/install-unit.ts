import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeHomeFolders } from '../config/home-folders.ts';
import { passphraseVariable } from '../config/settings-secrets.ts';
import { SignalboxError } from '../domain/errors.ts';
import { daemonProgram } from './control-plane.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import type { Invocation } from './invocation.ts';
import { renderUnit } from './systemd-unit.ts';

/** Writes the unit, and enables and starts it where systemd runs; elsewhere says what is missing. @throws HOME_UNUSABLE, PROGRAM_FAILED */
export async function installUnit({ terminal, variables, home }: Invocation): Promise<ExitCode> {
  const uid = process.getuid?.() ?? 0;
  const scope = uid === 0 ? 'system' : 'user';
  const file =
    scope === 'system' ? '/etc/systemd/system/signalbox.service' : join(homedir(), '.config/systemd/user/signalbox.service');
  await makeHomeFolders(home, uid);
  const unit = renderUnit({
    node: process.execPath,
    program: daemonProgram(),
    variables: kept(variables, home.root),
    home: home.root,
    scope,
  });
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, unit);
  } catch (cause) {
    throw new SignalboxError('HOME_UNUSABLE', `${file} cannot be written: ${(cause as Error).message}.`, {
      cause,
      hint: 'Check that the folder is writable.',
    });
  }
  const commands = [['daemon-reload'], ['enable', '--now', 'signalbox.service']].map((words) =>
    scope === 'user' ? ['--user', ...words] : words,
  );
  const runs = await hasSystemd();
  if (runs) for (const words of commands) await systemctl(words);
  terminal.result({ unit: file, enabled: runs });
  terminal.say(`Wrote ${file}.`);
  if (runs) {
    terminal.say('Enabled and started signalbox.service.');
    if (scope === 'user')
      terminal.say('It runs while you are logged in; `loginctl enable-linger` lets it start with the machine.');
  } else {
    terminal.say('systemd does not run here, so nothing was started. On a machine with systemd:');
    for (const words of commands) terminal.say(`  systemctl ${words.join(' ')}`);
  }
  return exitCodes.done;
}

/** Where systemd is the init, it has this folder. */
const hasSystemd = (): Promise<boolean> =>
  access('/run/systemd/system').then(
    () => true,
    () => false,
  );

/** Settings as they are now; the address of another control plane is none of this one's, and a unit can be read by everybody. */
function kept(variables: Readonly<Record<string, string>>, home: string): Record<string, string> {
  const own = Object.entries(variables).filter(
    ([name]) =>
      (name.startsWith('SIGNALBOX_') && !['SIGNALBOX_URL', 'SIGNALBOX_TOKEN', passphraseVariable].includes(name)) ||
      ['PATH', 'HOME', 'LANG'].includes(name),
  );
  return { ...Object.fromEntries(own), SIGNALBOX_HOME: home };
}

async function systemctl(words: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('systemctl', words);
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    throw new SignalboxError('PROGRAM_FAILED', `systemctl ${words.join(' ')} failed: ${stderr.trim()}`, {
      cause,
      hint: 'The unit was written; mend what it says and run that again.',
    });
  }
}
