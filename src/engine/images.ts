import type { Engine } from './client.ts';

export interface ListedImage {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Labels: Readonly<Record<string, string>> | null;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Size: number;
}

/** Images with all of the labels, newest first; also those without a name that others were made from. @throws EngineError */
export async function imagesWith(engine: Engine, label: readonly string[]): Promise<readonly ListedImage[]> {
  const answer = await engine.call<readonly ListedImage[]>('GET', '/images/json', {
    query: { filters: { label }, all: true },
  });
  return answer.ok ? [...answer.body].sort((a, b) => b.Created - a.Created) : [];
}

/**
 * The one that was built: whoever makes an image from one of ours (`FROM`, `docker commit`) inherits its labels, and made it later.
 */
export const originalOf = <Image extends { readonly Created: number }>(alike: readonly Image[]): Image | undefined =>
  [...alike].sort((a, b) => a.Created - b.Created)[0];
