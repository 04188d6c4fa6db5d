import { SignalboxError } from '../../../domain/errors.ts';
import type { Engine } from '../../../engine/client.ts';
import { mapped } from '../../../engine/errors.ts';
import { inspectImage } from './engine-images.ts';
import type { Transfers } from './registry.ts';

/**
 * The name of an image made elsewhere, as one that can never mean another: what the engine has under it, else what the registry has.
 * A moved tag is looked at only where the engine has no image of that name: `docker pull` brings a newer one to the next deploy.
 * @throws IMAGE_MISSING, REGISTRY_REFUSED, REGISTRY_UNAVAILABLE, ENGINE_UNAVAILABLE
 */
export async function pinImage(image: string, by: { engine: Engine; transfers: Transfers }): Promise<string> {
  const { name, digest } = parts(image);
  if (digest !== undefined) return `${name}@${digest}`;
  try {
    const here = await inspectImage(by.engine, image);
    if (here !== null) return here.RepoDigests?.find((known) => known.startsWith(`${name}@`)) ?? here.Id;
    const there = await by.transfers.digestOf(image);
    if (there === null) throw new SignalboxError('IMAGE_MISSING', `The image ${image} is neither here nor at its registry.`);
    return `${name}@${there}`;
  } catch (cause) {
    if (cause instanceof SignalboxError && cause.code === 'REGISTRY_UNAVAILABLE')
      throw new SignalboxError(
        'IMAGE_MISSING',
        `The image ${image} is not here, and its registry does not answer: ${cause.message}`,
        {
          cause,
        },
      );
    throw mapped(cause);
  }
}

function parts(image: string): { name: string; digest: string | undefined } {
  const [before = image, digest] = image.split('@');
  const colon = before.lastIndexOf(':');
  return { name: colon > before.lastIndexOf('/') ? before.slice(0, colon) : before, digest };
}
