import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignalboxError } from '../../../domain/errors.ts';
import { millis } from '../../../domain/values.ts';
import type { Engine } from '../../../engine/client.ts';
import { mapped } from '../../../engine/errors.ts';
import { imagesWith, originalOf } from '../../../engine/images.ts';
import type { Builder, BuildRequest, BuildResult } from '../../../ports/builder.ts';
import { dropBounds } from './bounds.ts';
import { layoutPrefix } from './context.ts';
import { inspectImage, labels, type InspectedImage, tagImage } from './engine-images.ts';
import { makeImage } from './make-image.ts';
import type { ImageBuilderOptions } from './options.ts';
import { pruneImages } from './prune.ts';
import { imageRecords, type ImageRecords } from './records.ts';
import type { Transfers } from './registry.ts';

export interface ImageBuilder extends Builder {
  /** Brings the image of a build key back from the registry; false when it is not there. @throws as `build` */
  fetch(app: string, key: string): Promise<boolean>;
}

/**
 * Makes images on a Docker engine: from Dockerfiles, or fetched by name. A build's image is found by its labels and used by its id;
 * its name, `signalbox/<app>-<service>:<git SHA>`, is for people.
 */
export async function openImageBuilder(options: ImageBuilderOptions): Promise<ImageBuilder> {
  const { engine, homeId, folders, clock, shared, registry, transfers } = options;
  const records = imageRecords(folders.records);
  await dropBounds(homeId);
  await mkdir(folders.incoming, { recursive: true });
  for (const left of await readdir(folders.incoming))
    if (left.startsWith(layoutPrefix)) await rm(join(folders.incoming, left), { recursive: true, force: true, maxRetries: 3 });

  const found = (app: string, key: string) => findImage({ engine, homeId, records }, { app, key });

  async function build(request: BuildRequest): Promise<BuildResult> {
    const started = clock.now();
    const { app, recipe } = request;
    return shared.run(`image ${app}/${recipe.key}`, {
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      ...(request.onLine === undefined ? {} : { onLine: request.onLine }),
      cancelled: () => ({ ok: false, end: 'cancelled', exitCode: null, tail: [] }),
      build: async (signal, onLine) => {
        try {
          return recipe.given === undefined
            ? await makeImage({ options, records, request, signal, onLine, started, found: () => found(app, recipe.key) })
            : await fetchGiven({
                transfers,
                engine,
                image: recipe.given.image,
                signal,
                onLine,
                since: () => clock.now() - started,
              });
        } catch (error) {
          if (signal.aborted) return { ok: false, end: 'cancelled', exitCode: null, tail: [] };
          throw mapped(error);
        }
      },
    });
  }

  return {
    async build(request) {
      const result = await build(request);
      // Who joined a build of another service has a name of its own for the same image.
      if (result.ok && request.recipe.given === undefined) {
        const image = await found(request.app, request.recipe.key).catch((error: unknown) =>
          Promise.reject(mapped(error) as Error),
        );
        if (image !== null) await tagImage(engine, image.Id, localName(request));
      }
      return result;
    },

    async has(app, recipe) {
      try {
        if (recipe.given !== undefined) return (await inspectImage(engine, recipe.given.image)) !== null;
        if ((await found(app, recipe.key)) !== null) return true;
        const pushed = (await records.get(app, recipe.key))?.pushed ?? null;
        return registry !== null && pushed !== null && (await transfers.digestOf(pushed)) !== null;
      } catch (error) {
        if (error instanceof SignalboxError && error.code.startsWith('REGISTRY_')) return false;
        throw mapped(error);
      }
    },

    async fetch(app, key) {
      try {
        if ((await found(app, key)) !== null) return true;
        const pushed = (await records.get(app, key))?.pushed ?? null;
        return pushed !== null && (await transfers.pull(pushed, {}));
      } catch (error) {
        throw mapped(error);
      }
    },

    async prune(keep, limits) {
      try {
        return await pruneImages({ engine, homeId, records, now: clock.wall() }, { keep, limits });
      } catch (error) {
        throw mapped(error);
      }
    },
  };
}

/** Name and tag of a build's image on this machine. */
export const localName = ({ app, service, sha }: Pick<BuildRequest, 'app' | 'service' | 'sha'>) => ({
  repo: `signalbox/${app}-${service}`,
  tag: sha,
});

/** The image of a build key that this installation made or fetched; null when the engine has none. @throws EngineError */
async function findImage(
  by: { engine: Engine; homeId: string; records: ImageRecords },
  of: { app: string; key: string },
): Promise<InspectedImage | null> {
  const recorded = (await by.records.get(of.app, of.key))?.image ?? null;
  const known = recorded === null ? null : await inspectImage(by.engine, recorded);
  if (known !== null) return known;
  const own = await imagesWith(by.engine, [
    `${labels.installation}=${by.homeId}`,
    `${labels.app}=${of.app}`,
    `${labels.key}=${of.key}`,
  ]);
  const id = originalOf(own)?.Id;
  return id === undefined ? null : inspectImage(by.engine, id);
}

async function fetchGiven(of: {
  transfers: Transfers;
  engine: Engine;
  image: string;
  signal: AbortSignal;
  onLine: (line: string) => void;
  since: () => number;
}): Promise<BuildResult> {
  const tail: string[] = [];
  const onLine = (line: string): void => {
    tail.push(line);
    if (tail.length > 40) tail.shift();
    of.onLine(line);
  };
  const before = await inspectImage(of.engine, of.image);
  const there =
    before !== null || (!of.image.startsWith('sha256:') && (await of.transfers.pull(of.image, { signal: of.signal, onLine })));
  const image = before ?? (there ? await inspectImage(of.engine, of.image) : null);
  if (image !== null) return { ok: true, cached: before !== null, duration: millis(of.since()), bytes: image.Size };
  const message = `The image ${of.image} is neither here nor at its registry.`;
  return { ok: false, end: 'failed', exitCode: null, tail, because: { code: 'IMAGE_MISSING', message } };
}
