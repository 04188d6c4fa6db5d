import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SignalboxError } from '../domain/errors.ts';
import { millis } from '../domain/values.ts';
import type { Builder, BuildRequest, BuildResult } from '../ports/builder.ts';
import type { Clock } from '../ports/clock.ts';
import type { Source } from '../ports/source.ts';
import { discard, dropMarker, emptyTrash, listArtifacts, readMarker, seal, writeMarker } from './artifacts.ts';
import { type CommandEnd, runBuildCommand } from './build-command.ts';
import { buildEnvironment } from './build-environment.ts';
import { type BuildLog, openBuildLog } from './build-log.ts';
import { managersToBring } from './package-managers.ts';
import { endMarked } from './processes.ts';
import { reachableFirst } from './search-path.ts';
import { SharedBuilds } from './shared-builds.ts';

export interface BuilderOptions {
  /** Folder of the artifacts, `<app>/<build key>` each. Builds happen in place. */
  readonly artifacts: string;
  /** Folder of the logs; a build writes `<app>/builds/<build key>.log`. */
  readonly logs: string;
  readonly source: Pick<Source, 'checkout'>;
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  /** Variables of the operator; builds get the harmless ones. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds for one command. Default 15 min. */
  readonly timeLimit?: number;
  /** Bytes that have to be free before a build starts. Default 64 MiB. */
  readonly minFreeBytes?: number;
  /** Where builds of other kinds wait for their turn too. Default: one of its own. */
  readonly shared?: SharedBuilds<BuildResult>;
}

/**
 * Builds on this machine, one at a time and at low priority, as the user of the control plane. Ends and removes what builds of an
 * earlier life left behind before it takes the first one.
 */
export async function openBuilder(options: BuilderOptions): Promise<Builder> {
  const root = resolve(options.artifacts);
  const installation = createHash('sha256').update(root).digest('hex').slice(0, 16);
  await sweep(root, installation);
  const shared = options.shared ?? new SharedBuilds<BuildResult>();

  return {
    async build(request) {
      const folder = artifactFolder(root, request);
      const started = options.clock.now();
      const there = await readMarker(folder, request.recipe.key);
      const elapsed = () => millis(options.clock.now() - started);
      if (there !== null) return { ok: true, cached: true, duration: elapsed(), bytes: there.bytes };
      return shared.run(folder, {
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        ...(request.onLine === undefined ? {} : { onLine: request.onLine }),
        cancelled: () => ({ ok: false, end: 'cancelled', exitCode: null, tail: [] }),
        build: async (signal, onLine) => {
          const again = await readMarker(folder, request.recipe.key);
          if (again !== null) return { ok: true, cached: true, duration: elapsed(), bytes: again.bytes };
          return make({ options, root, folder, installation, request, signal, onLine, elapsed });
        },
      });
    },

    async has(app, recipe) {
      return (await readMarker(artifactFolder(root, { app, recipe }), recipe.key)) !== null;
    },

    async prune(keep, limits) {
      const { whole } = await listArtifacts(root);
      whole.sort((a, b) => a.builtAt - b.builtAt);
      let count = whole.length;
      let bytes = whole.reduce((sum, artifact) => sum + artifact.bytes, 0);
      let freed = 0;
      for (const artifact of whole) {
        if (count <= limits.count && bytes <= limits.bytes) break;
        if (keep.has(artifact.key) || keep.has(`${artifact.app}/${artifact.key}`)) continue;
        await discard(root, artifact.folder);
        await rm(logFile(options.logs, artifact.app, artifact.key), { force: true });
        count -= 1;
        bytes -= artifact.bytes;
        freed += artifact.bytes;
      }
      return freed;
    },
  };
}

interface Making {
  readonly options: BuilderOptions;
  readonly root: string;
  readonly folder: string;
  readonly installation: string;
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
  readonly elapsed: () => ReturnType<typeof millis>;
}

async function make(given: Making): Promise<BuildResult> {
  const { options, request, folder } = given;
  const { recipe } = request;
  const log = await openBuildLog(logFile(options.logs, request.app, recipe.key), given.onLine);
  let temporary: string | undefined;
  let whole = false;
  try {
    await discard(given.root, folder);
    await mkdir(folder, { recursive: true, mode: 0o755 });
    // Under a name that nobody can know before: programs in it are found first.
    temporary = await mkdtemp(join(tmpdir(), temporaryPrefix(given.installation)));
    if (await tooFull(given)) return noSpace(log);
    await options.source.checkout(request.app, request.sha, recipe.inputs, folder);
    await dropMarker(folder);
    const failed =
      recipe.command === undefined ? undefined : await runCommand(given, { command: recipe.command, temporary, log });
    if (failed !== undefined) return failed;
    if (given.signal.aborted) return { ok: false, end: 'cancelled', exitCode: null, tail: log.tail() };
    await dropMarker(folder);
    const bytes = await seal(folder);
    await writeMarker(folder, { key: recipe.key, sha: request.sha, builtAt: options.clock.wall(), bytes });
    whole = true;
    return { ok: true, cached: false, duration: given.elapsed(), bytes };
  } catch (error) {
    if (isFull(error)) return noSpace(log);
    throw error;
  } finally {
    if (!whole)
      await discard(given.root, folder).catch((error: unknown) => log.line(`The folder could not be removed: ${String(error)}`));
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
    await log.close();
  }
}

/** Undefined when the command succeeded. */
async function runCommand(
  given: Making,
  step: { command: string; temporary: string; log: BuildLog },
): Promise<BuildResult | undefined> {
  const { recipe } = given.request;
  const folder = join(given.folder, recipe.path);
  if ((await lstat(folder).catch(() => null))?.isDirectory() !== true) {
    step.log.line(`The source has no folder ${recipe.path}.`);
    return { ok: false, end: 'failed', exitCode: null, tail: step.log.tail() };
  }
  const searchPath = await reachableFirst(given.options.environment.PATH ?? '');
  const bring = await managersToBring({
    command: step.command,
    searchPath,
    folder,
    top: given.folder,
    into: join(step.temporary, 'managers'),
  });
  const run = (command: string, at: string): Promise<CommandEnd> => {
    step.log.line(`$ ${command}`);
    return runBuildCommand({
      command,
      folder: at,
      environment: buildEnvironment({
        operator: { ...given.options.environment, PATH: searchPath },
        recipe: recipe.env,
        temporary: step.temporary,
        programs: bring === undefined ? [] : [bring.programs],
      }),
      mark: `${given.installation}:${recipe.key}`,
      timeLimit: given.options.timeLimit ?? 900_000,
      signal: given.signal,
      log: step.log,
    });
  };
  let ended: CommandEnd = { end: 'exited', exitCode: 0 };
  if (bring !== undefined) ended = await run(bring.command, step.temporary);
  if (ended.end === 'exited' && ended.exitCode === 0) ended = await run(step.command, folder);
  if (ended.end !== 'exited') return { ok: false, end: ended.end, exitCode: ended.exitCode, tail: step.log.tail() };
  if (ended.exitCode === 0) return undefined;
  const full =
    step.log.tail().some((line) => /ENOSPC|No space left on device|Disk quota exceeded/i.test(line)) || (await tooFull(given));
  return { ok: false, end: full ? 'no-space' : 'failed', exitCode: ended.exitCode, tail: step.log.tail() };
}

async function tooFull(given: Making): Promise<boolean> {
  const { bavail, bsize } = await statfs(given.root);
  return bavail * bsize < (given.options.minFreeBytes ?? 64 * 1024 * 1024);
}

function noSpace(log: BuildLog): BuildResult {
  log.line('The disk is full.');
  return { ok: false, end: 'no-space', exitCode: null, tail: log.tail() };
}

const isFull = (error: unknown): boolean =>
  (error instanceof SignalboxError && error.code === 'NO_SPACE') ||
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');

async function sweep(root: string, installation: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  await endMarked({ value: `${installation}:`, prefix: true });
  for (const folder of (await listArtifacts(root)).half) await discard(root, folder);
  await emptyTrash(root);
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith(temporaryPrefix(installation)));
  // One that somebody else put there is not ours to remove, and no reason not to start.
  for (const name of left) await rm(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}

const temporaryPrefix = (installation: string): string => `sbx-${installation}-`;
const logFile = (logs: string, app: string, key: string): string => join(logs, app, 'builds', `${key}.log`);

function artifactFolder(root: string, request: Pick<BuildRequest, 'app' | 'recipe'>): string {
  const { app, recipe } = request;
  if (!/^[a-z][a-z0-9-]*$/.test(app) || !/^[0-9a-f]{64}$/.test(recipe.key))
    throw new SignalboxError('BAD_REQUEST', `${app}/${recipe.key} names no artifact.`);
  return join(root, app, recipe.key);
}
