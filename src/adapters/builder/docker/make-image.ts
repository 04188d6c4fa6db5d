import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SignalboxError } from '../../../domain/errors.ts';
import { type Instant, millis } from '../../../domain/values.ts';
import type { Engine } from '../../../engine/client.ts';
import { isRefused } from '../../../engine/errors.ts';
import { type BuildLog, openBuildLog } from '../../../pipeline/build-log.ts';
import type { BuildRequest, BuildResult } from '../../../ports/builder.ts';
import { buildBounds, dropBounds, freeBytes } from './bounds.ts';
import { ContextError, makeContext } from './context.ts';
import { engineInfo, type InspectedImage, inspectImage, labels } from './engine-images.ts';
import { explainFailure, tellsFullDisk, tellsTakenAway } from './explain.ts';
import { readKitBuild } from './kit-output.ts';
import { dockerfileText, kitNeeds } from './needs-buildkit.ts';
import type { ImageBuilderOptions } from './options.ts';
import { type BuildEnd, readBuild } from './output.ts';
import type { ImageRecords } from './records.ts';

export interface Making {
  readonly options: ImageBuilderOptions;
  readonly records: ImageRecords;
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
  readonly started: Instant;
  readonly found: () => Promise<InspectedImage | null>;
}

type Failure = BuildResult & { ok: false };

const minFree = 512 * 1024 ** 2;
const watchMs = 1000;
/** How long the engine may take to end what ran in a build. */
const goneMs = 10_000;

/** From a source to an image: found, fetched or built; then pushed where there is a registry. @throws EngineError, SignalboxError */
export async function makeImage(making: Making): Promise<BuildResult> {
  const { options, request, records } = making;
  const { app, recipe } = request;
  const log = await openBuildLog(join(options.folders.logs, app, 'builds', `${recipe.key}.log`), making.onLine);
  try {
    const there = (await making.found()) ?? (await fromRegistry(making, log));
    const image = there ?? (await buildAnew(making, log));
    if ('ok' in image) return image;
    await push(making, image.Id, log);
    return { ok: true, cached: there !== null, duration: millis(options.clock.now() - making.started), bytes: image.Size };
  } catch (error) {
    const because = error instanceof SignalboxError ? lasting(error) : undefined;
    if (because === undefined || making.signal.aborted) throw error;
    log.line(because.message);
    return { ok: false, end: 'failed', exitCode: null, tail: log.tail(), because };
  } finally {
    await log.close();
  }

  /** What trying again does not mend ends the build; a registry that is away may come back. */
  function lasting({ code, message }: SignalboxError): Failure['because'] {
    return code === 'REGISTRY_REFUSED' || code === 'IMAGE_MISSING' ? { code, message } : undefined;
  }

  async function fromRegistry(of: Making, lines: BuildLog): Promise<InspectedImage | null> {
    if (options.registry === null) return null;
    const known = await records.get(app, recipe.key);
    const reference = known?.pushed ?? `${remoteRepo(of)}:${keyTag(recipe.key)}`;
    const there = await options.transfers.pull(reference, { signal: of.signal, onLine: (line) => lines.line(line) });
    const image = there ? await inspectImage(options.engine, reference) : null;
    if (image?.Config?.Labels?.[labels.key] !== recipe.key) return null;
    await remember(of, {
      image: image.Id,
      layers: [],
      pushed: image.RepoDigests?.find((d) => d.startsWith(remoteRepo(of))) ?? null,
    });
    return image;
  }
}

async function buildAnew(making: Making, log: BuildLog): Promise<InspectedImage | Failure> {
  const { options, request } = making;
  const { recipe } = request;
  const image = recipe.image;
  if (image === undefined) throw new SignalboxError('BAD_REQUEST', `The build of ${request.service} makes no image.`);
  const info = await engineInfo(options.engine);
  const enough = async (): Promise<boolean> => ((await freeBytes(info)) ?? Infinity) >= (options.minFreeBytes ?? minFree);
  if (!(await enough())) return noSpace(log);

  const limit = options.timeLimit ?? 900_000;
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(new Ended('timed-out')), limit);
  const watch = setInterval(() => void enough().then((free) => free || stop.abort(new Ended('no-space'))), watchMs);
  const signal = AbortSignal.any([making.signal, stop.signal]);
  const why = (): Ended['end'] | 'cancelled' | null =>
    stop.signal.reason instanceof Ended ? stop.signal.reason.end : making.signal.aborted ? 'cancelled' : null;
  let container: string | null = null;
  const layers: string[] = [];
  try {
    const context = await makeContext(request, image, {
      source: options.source,
      incoming: options.folders.incoming,
      maxBytes: options.maxContextBytes ?? 1024 ** 3,
    });
    let end: BuildEnd;
    try {
      log.line(`Building from ${nameOf(making)}, ${Math.ceil(context.bytes / 1024)} KiB of context.`);
      const text = await dockerfileText(request, image, { source: options.source, incoming: options.folders.incoming });
      const kit = kitNeeds(text ?? '', recipe.env);
      if (kit !== undefined) {
        log.line(`Built by the engine's BuildKit: ${kit.why}.`);
        await fetchNamed(kit.images, making, log);
      }
      const once = async (): Promise<BuildEnd> => {
        const stream = await options.engine.stream('POST', '/build', {
          query: {
            dockerfile: context.dockerfile,
            rm: true,
            forcerm: true,
            labels: {
              [labels.installation]: options.homeId,
              [labels.app]: request.app,
              [labels.service]: request.service,
              [labels.key]: recipe.key,
            },
            buildargs: recipe.env,
            ...(image.target === undefined ? {} : { target: image.target }),
            ...(kit === undefined ? (await buildBounds(info, options.homeId)).query : { version: 2 }),
          },
          body: context.open(),
          headers: { 'X-Registry-Config': await options.logins.headerForBuild() },
          timeoutMs: limit,
          signal,
        });
        const write = (output: string): void => log.write(Buffer.from(output));
        return kit !== undefined
          ? await readKitBuild(stream, write)
          : await readBuild(stream, {
              write,
              onContainer: (id) => {
                container = id;
              },
              onLayer: (id) => layers.push(id),
            });
      };
      end = await once();
      if (!end.ok && tellsTakenAway(end.message)) {
        log.line('What this build stood on was taken away meanwhile, as by an image prune: building once more.');
        end = await once();
      }
    } finally {
      await context.dispose();
    }
    return await concluded(making, { end, layers }, log);
  } catch (error) {
    const cut = why();
    if (layers.length > 0) await remember(making, { image: null, layers, pushed: null });
    if (cut !== null && container !== null) await untilGone(options.engine, container);
    if (cut === 'no-space' || isFull(error)) return noSpace(log);
    if (cut === 'timed-out') log.line(`Ended: it took longer than ${Math.round(limit / 1000)} s.`);
    if (cut !== null) return { ok: false, end: cut, exitCode: null, tail: log.tail() };
    if (!(error instanceof ContextError) && !isRefused(error)) throw error;
    log.line(error.message);
    return failed(making, { message: error.message, exitCode: null, step: null }, log);
  } finally {
    clearTimeout(late);
    clearInterval(watch);
    await dropBounds(options.homeId);
  }
}

/** BuildKit would need us beside it to log in anywhere; what is there already it takes as it is. What cannot be had it will name. */
async function fetchNamed(images: readonly string[], { options, signal }: Making, log: BuildLog): Promise<void> {
  for (const name of images)
    if ((await inspectImage(options.engine, name)) === null)
      try {
        await options.transfers.pull(name, { signal, onLine: (line) => log.line(line) });
      } catch (error) {
        if (signal.aborted || !(error instanceof SignalboxError)) throw error;
        log.line(error.message);
      }
}

/** The engine ends a build whose client has left; what it does not take away in time is taken away here. */
async function untilGone(engine: Engine, container: string): Promise<void> {
  const path = `/containers/${container}`;
  for (const until = Date.now() + goneMs; Date.now() < until; await wait(100))
    if (!(await engine.call('GET', `${path}/json`)).ok) return;
  await engine.call('DELETE', path, { query: { force: true } });
}

async function concluded(
  making: Making,
  { end, layers }: { end: BuildEnd; layers: readonly string[] },
  log: BuildLog,
): Promise<InspectedImage | Failure> {
  await remember(making, { image: end.ok ? end.image : null, layers, pushed: null });
  if (!end.ok) {
    const full = tellsFullDisk(end.message) || (end.exitCode !== null && log.tail().some(tellsFullDisk));
    return full ? noSpace(log) : failed(making, end, log);
  }
  const image = await inspectImage(making.options.engine, end.image);
  if (image === null) throw new SignalboxError('ENGINE_UNAVAILABLE', 'The image was built and is gone again.');
  return image;
}

function failed(making: Making, end: { message: string; exitCode: number | null; step: string | null }, log: BuildLog): Failure {
  const because = explainFailure(end.message, {
    service: making.request.service,
    dockerfile: nameOf(making),
    step: end.step,
    tail: log.tail(),
  });
  return { ok: false, end: 'failed', exitCode: end.exitCode, tail: log.tail(), because };
}

/** Sends the image to the registry unless it is there: by its SHA for people, by its key for other machines. */
async function push(making: Making, image: string, log: BuildLog): Promise<void> {
  const { options, request, records, signal } = making;
  if (options.registry === null) return;
  const known = await records.get(request.app, request.recipe.key);
  const repo = remoteRepo(making);
  if (known?.pushed?.startsWith(`${repo}@`) === true && known.sha === request.sha) return;
  const onLine = (line: string): void => log.line(line);
  const pushed = await options.transfers.push(image, { repo, tag: request.sha }, { signal, onLine });
  await options.transfers.push(image, { repo, tag: keyTag(request.recipe.key) }, { signal });
  log.line(`Pushed ${pushed}`);
  await remember(making, { image, layers: known?.layers ?? [], pushed });
}

async function remember(
  { options, request, records }: Making,
  what: { image: string | null; layers: readonly string[]; pushed: string | null },
): Promise<void> {
  const { app, service, sha, recipe } = request;
  const before = await records.get(app, recipe.key);
  const layers = [...new Set([...(before?.layers ?? []), ...what.layers])];
  await records.put({ app, service, key: recipe.key, sha, builtAt: options.clock.wall(), ...what, layers });
}

const remoteRepo = ({ options, request }: Making): string => `${options.registry ?? ''}/${request.app}-${request.service}`;
/** By which another machine finds what has been built before. */
export const keyTag = (key: string): string => `key-${key}`;

function nameOf({ request }: Making): string {
  const dockerfile = request.recipe.image?.dockerfile;
  return dockerfile !== undefined && 'path' in dockerfile ? dockerfile.path : 'the Dockerfile made for it';
}

class Ended extends Error {
  readonly end: 'timed-out' | 'no-space';

  constructor(end: Ended['end']) {
    super(end);
    this.end = end;
  }
}

function noSpace(log: BuildLog): Failure {
  log.line('The disk is full.');
  return { ok: false, end: 'no-space', exitCode: null, tail: log.tail() };
}

const isFull = (error: unknown): boolean =>
  (error instanceof SignalboxError && error.code === 'NO_SPACE') ||
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException | null)?.code ?? '') ||
  (isRefused(error) && tellsFullDisk(error.message));
