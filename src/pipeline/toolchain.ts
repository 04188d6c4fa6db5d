import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { reachableFirst } from './search-path.ts';

/** How long a version that was read is believed, in milliseconds. */
const freshFor = 60_000;
/** Programs that a build gets by npm when they are not installed; their versions follow from files that are part of the build key. */
const byNpm = new Set(['pnpm', 'yarn', 'bun']);
const versionArguments: Readonly<Record<string, readonly string[]>> = { go: ['version'] };

/** Where a program is on the search path; undefined when it is not. */
export async function findProgram(program: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const file = join(folder, program);
    if (
      folder !== '' &&
      (await access(file, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return file;
  }
  return undefined;
}

/** Reads versions of programs, asking each at most once a minute. */
export function toolchainVersions(
  environment: Readonly<Record<string, string>>,
): (programs: readonly string[]) => Promise<Record<string, string>> {
  const known = new Map<string, { version: Promise<string>; at: number }>();
  return async (programs) => {
    const entries = programs.map(async (program): Promise<[string, string]> => {
      const last = known.get(program);
      if (last !== undefined && performance.now() - last.at < freshFor) return [program, await last.version];
      const version = ask(program, environment);
      known.set(program, { version, at: performance.now() });
      version.catch(() => known.delete(program));
      return [program, await version];
    });
    return Object.fromEntries(await Promise.all(entries));
  };
}

async function ask(program: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const searchPath = await reachableFirst(environment.PATH ?? '');
  if ((await findProgram(program, searchPath)) !== undefined) return versionOf(program, { ...environment, PATH: searchPath });
  if (byNpm.has(program) && (await findProgram('npm', searchPath)) !== undefined) return 'by npm';
  const how = byNpm.has(program)
    ? 'Install it, or npm, which brings it.'
    : 'Install it, or change the build command in signalbox.yaml.';
  throw new SignalboxError('TOOL_MISSING', `The build needs ${program}, which is not installed here.`, {
    hint: how,
    details: { program },
  });
}

const versionOf = (program: string, environment: Readonly<Record<string, string>>): Promise<string> =>
  new Promise((resolve) => {
    const options = { env: { PATH: environment.PATH ?? '', HOME: environment.HOME ?? '/' }, timeout: 20_000, cwd: '/' };
    execFile(program, versionArguments[program] ?? ['--version'], options, (error, stdout, stderr) => {
      resolve(error === null ? `${stdout}${stderr}`.trim().split('\n')[0]?.slice(0, 200) || 'unknown' : 'unknown');
    });
  });
