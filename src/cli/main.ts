import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { buildProgram } from './program.ts';
import type { RunVerb } from './program-verb.ts';

/** The entry of the command line: understands it, runs the verb, maps what went wrong to words and an exit code. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const run: RunVerb = async (options, verb) => {
  const [{ openInvocation, openStandardTerminal }, { reportFailure }] = await Promise.all([
    import('./invocation.ts'),
    import('./failure.ts'),
  ]);
  const terminal = openStandardTerminal(options.json === true);
  try {
    process.exitCode = await verb(openInvocation(options, terminal));
  } catch (error) {
    process.exitCode = reportFailure(terminal, error);
  }
};

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const json = process.argv.includes('--json');
const program = buildProgram(version, run);
let complaint = '';
for (const command of [program, ...program.commands])
  command.exitOverride().configureOutput({
    writeErr: (text) => {
      complaint += text;
    },
  });

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) process.exitCode = 0;
  else {
    const [{ openStandardTerminal }, { reportFailure }, { SignalboxError }] = await Promise.all([
      import('./invocation.ts'),
      import('./failure.ts'),
      import('../domain/errors.ts'),
    ]);
    const message = (complaint || error.message)
      .trim()
      .replace(/^error: /, '')
      .replace(/\n\((.*)\)$/s, '. $1');
    process.exitCode = reportFailure(openStandardTerminal(json), new SignalboxError('WRONG_USAGE', message));
  }
}
