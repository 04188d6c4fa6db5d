import type { ArtifactRef } from '../../../domain/release.ts';
import { mapped } from '../../../engine/errors.ts';
import type { SharedBuilds } from '../../../pipeline/shared-builds.ts';
import type { BuildResult } from '../../../ports/builder.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Source } from '../../../ports/source.ts';
import { openEngine } from '../../../engine/client.ts';
import { type ImageBuilder, openImageBuilder } from './builder.ts';
import { checkEngine, type EngineCheck } from './doctor.ts';
import { pinImage } from './given.ts';
import { registryLogins } from './logins.ts';
import type { ImageBuilderOptions } from './options.ts';
import { registryTransfers } from './registry.ts';

export interface ImagesOptions {
  /** Socket of the engine. Nothing is asked of it before it is needed. */
  readonly socket: string;
  readonly homeId: string;
  /** Bases of generated Dockerfiles that the operator chose, by stack. */
  readonly baseImages: { readonly node?: string; readonly python?: string };
  readonly registry: {
    readonly host: string;
    readonly prefix: string;
    readonly login: { readonly user: string; readonly passwordFile: string } | null;
  } | null;
  /** Docker's file of logins; it need not exist. */
  readonly configFile: string;
  readonly source: Pick<Source, 'checkout'>;
  readonly clock: Pick<Clock, 'now' | 'wall'>;
  readonly folders: ImageBuilderOptions['folders'];
  readonly shared: SharedBuilds<BuildResult>;
}

/** Everything about images on one engine. */
export interface Images {
  readonly builder: ImageBuilder;
  /** @throws IMAGE_MISSING, REGISTRY_REFUSED, ENGINE_UNAVAILABLE */
  pin(image: string): Promise<string>;
  /** Brings the image of an artifact here: one that was built from where it was pushed to. False when it is not there. @throws as `pin` */
  fetch(artifact: ArtifactRef): Promise<boolean>;
  /** What `signalbox doctor` shows of the engine. */
  check(): Promise<readonly EngineCheck[]>;
  close(): Promise<void>;
}

export async function openImages(options: ImagesOptions): Promise<Images> {
  const { socket, homeId, registry, source, clock, folders, shared } = options;
  const engine = openEngine(socket);
  const own = registry?.login === null || registry === null ? null : { host: registry.host, ...registry.login };
  const logins = registryLogins({ configFile: options.configFile, own });
  const transfers = registryTransfers(engine, logins);
  const place = registry === null ? null : [registry.host, registry.prefix].filter((part) => part !== '').join('/');
  const builder = await openImageBuilder({ engine, homeId, source, clock, folders, shared, logins, transfers, registry: place });
  return {
    builder,
    fetch: ({ app, key, given }) =>
      given !== undefined && 'image' in given
        ? transfers.pull(given.image, {}).catch((cause: unknown) => Promise.reject(mapped(cause) as Error))
        : builder.fetch(app, key),
    pin: (image) => pinImage(image, { engine, transfers }),
    check: () =>
      checkEngine(engine, {
        socket,
        baseImages: [...new Set(Object.values(options.baseImages))].flatMap((image) => image ?? []),
        registry: place,
      }),
    close: () => engine.close(),
  };
}
