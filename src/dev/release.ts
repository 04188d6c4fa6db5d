import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ReleaseCommandSpec, ServiceSpec } from '../domain/spec.ts';
import type { DevLog } from './log.ts';
import { shellArgv } from './program.ts';
import { endedWords } from './service.ts';
import type { Workplace } from './workplace.ts';

export interface ReleaseOptions {
  readonly service: ServiceSpec;
  readonly root: string;
  readonly workplace: Workplace;
  readonly cwd: string;
  readonly marker: string;
  readonly log: DevLog;
  /** Where the last successful runs are noted. */
  readonly file: string;
  /** Changes when the data it works on is another one: then it runs again. */
  readonly data: string;
  readonly environment: () => Promise<Readonly<Record<string, string>>>;
}

/**
 * The release command (migrations) at the desk: before the service starts, when its inputs differ from those of the last run that
 * succeeded, and on each start of `signalbox dev` with `when: always` or without named inputs.
 * @returns a function that runs it if it is due. It throws an Error with the reason when it fails or takes too long.
 */
export function releaseBefore(options: ReleaseOptions): () => Promise<void> {
  const { service, log } = options;
  const { release } = service;
  if (release === undefined) return () => Promise.resolve();
  let ranHere = false;
  return async () => {
    const hash = hashOf(options, release);
    const atEachStart = release.when === 'always' || namedInputs(service).length === 0;
    const due = read(options.file)[service.name] !== hash || (atEachStart && !ranHere);
    if (!due) return;
    log.note(service.name, `release command: ${release.run}`);
    const env = await options.environment();
    const program = options.workplace.start({
      argv: shellArgv(release.run),
      cwd: options.cwd,
      env,
      marker: `${options.marker}.release`,
      onLine: (line) => log.line(service.name, line),
    });
    const limit = new AbortController();
    const ended = await Promise.race([
      program.ended,
      wait(release.timeout, null, { signal: limit.signal, ref: false }).catch(() => null),
    ]);
    limit.abort();
    if (ended === null) {
      await program.end(1000);
      throw new Error(
        `The release command ${release.run} took longer than ${Math.round(release.timeout / 1000)} s and was ended.`,
      );
    }
    if (ended.code !== 0) throw new Error(`The release command ${release.run} ${endedWords(ended)}.`);
    ranHere = true;
    write(options.file, { ...read(options.file), [service.name]: hash });
  };
}

/** Inputs that were named; the whole folder, the default, changes with every edit and counts at the start only. */
const namedInputs = (service: ServiceSpec): readonly string[] =>
  (service.release?.inputs ?? []).filter((input) => input !== service.path);

/** Most files looked at; beyond it the command counts as changed by its text alone. */
const mostFiles = 5000;

function hashOf({ service, root, data }: ReleaseOptions, release: ReleaseCommandSpec): string {
  const hash = createHash('sha256').update(JSON.stringify([release.run, data]));
  let left = mostFiles;
  const walk = (path: string): void => {
    if (left <= 0) return;
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isFile() === true) {
      left -= 1;
      hash.update(`${path}\0`).update(readFileSync(join(root, path)));
    } else if (stat?.isDirectory() === true) {
      for (const name of readdirSync(join(root, path)).sort())
        if (name !== 'node_modules' && name !== '.git') walk(`${path}/${name}`);
    }
  };
  for (const input of [...namedInputs(service)].sort()) walk(input);
  return hash.digest('hex');
}

function read(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}

function write(file: string, runs: Readonly<Record<string, string>>): void {
  writeFileSync(`${file}.draft`, JSON.stringify(runs), { mode: 0o600 });
  renameSync(`${file}.draft`, file);
}
