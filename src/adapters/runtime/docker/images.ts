import { SignalboxError } from '../../../domain/errors.ts';
import type { ArtifactRef } from '../../../domain/release.ts';
import type { Engine } from '../../../engine/client.ts';
import { isUnavailable, mapped } from '../../../engine/errors.ts';
import { imagesWith, originalOf } from '../../../engine/images.ts';
import { jsonLines } from '../../../engine/streams.ts';

/** What a container needs to know of its image. */
export interface ImageFacts {
  /** `sha256:…`: what runs is this very image, whatever its names come to mean. */
  readonly id: string;
  /** As the image names it: empty, `node`, `1000:1000`. */
  readonly user: string;
  readonly folder: string;
  /** TCP ports it exposes. */
  readonly ports: readonly number[];
  readonly stopSignal: string;
}

interface Inspected {
  readonly Id: string;
  readonly Config: {
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    readonly StopSignal?: string;
  } | null;
}

const pullMs = 10 * 60_000;

/**
 * The image of an artifact: by its build key where it was built here, by name where it was made elsewhere (pulled when it is missing).
 * @throws ARTIFACT_MISSING, ENGINE_UNAVAILABLE.
 */
export async function imageOf(engine: Engine, artifact: ArtifactRef, fetch?: FetchImage): Promise<ImageFacts> {
  try {
    const { given } = artifact;
    if (given && 'system' in given)
      throw new SignalboxError('START_FAILED', `${artifact.service} is a program of this system, which containers do not run.`);
    const reference = given ? given.image : await builtImage(engine, artifact, fetch);
    const found = await inspect(engine, reference);
    if (found) return found;
    if (!given) throw missing(artifact, `the image ${reference} is gone`);
    if (!fetch) await pull(engine, artifact, given.image);
    else if (!(await fetch(artifact))) throw missing(artifact, `the image ${reference} is neither here nor at its registry`);
    const pulled = await inspect(engine, reference);
    if (!pulled) throw missing(artifact, `the engine has no image ${reference} after pulling it`);
    return pulled;
  } catch (cause) {
    throw mapped(cause);
  }
}

/** Brings an image that is gone from where it was sent to or was made, with the logins for it; false when it is not there. */
export type FetchImage = (artifact: ArtifactRef) => Promise<boolean>;

async function builtImage(engine: Engine, artifact: ArtifactRef, fetch?: FetchImage): Promise<string> {
  const original = originalOf(await imagesWith(engine, [`signalbox.key=${artifact.key}`]));
  if (original) return original.Id;
  if (await fetch?.(artifact)) return builtImage(engine, artifact);
  throw missing(artifact, `no image has the build key ${artifact.key}`);
}

async function inspect(engine: Engine, reference: string): Promise<ImageFacts | null> {
  const answer = await engine.call<Inspected>('GET', `/images/${encodeURIComponent(reference)}/json`);
  if (!answer.ok) return null;
  const { Id, Config } = answer.body;
  return {
    id: Id,
    user: Config?.User ?? '',
    folder: Config?.WorkingDir === undefined || Config.WorkingDir === '' ? '/' : Config.WorkingDir,
    ports: Object.keys(Config?.ExposedPorts ?? {}).flatMap((port) => (port.endsWith('/udp') ? [] : [Number.parseInt(port, 10)])),
    stopSignal: Config?.StopSignal === undefined || Config.StopSignal === '' ? 'SIGTERM' : Config.StopSignal,
  };
}

async function pull(engine: Engine, artifact: ArtifactRef, image: string): Promise<void> {
  const query = { fromImage: image, ...(/[:@][^/]*$/.test(image) ? {} : { tag: 'latest' }) };
  const signal = AbortSignal.timeout(pullMs);
  let failed: string | undefined;
  try {
    const stream = await engine.stream('POST', '/images/create', { query, signal, timeoutMs: pullMs });
    for await (const { error } of jsonLines<{ readonly error?: string }>(stream)) failed ??= error;
  } catch (cause) {
    if (!signal.aborted && isUnavailable(cause)) throw cause;
    failed = signal.aborted ? 'it took longer than 10 minutes' : cause instanceof Error ? cause.message : String(cause);
  }
  if (failed !== undefined) throw missing(artifact, `the image ${image} is not here and could not be pulled: ${failed}`);
}

const missing = ({ service }: ArtifactRef, why: string): SignalboxError =>
  new SignalboxError('ARTIFACT_MISSING', `${service} cannot start: ${why}.`);
