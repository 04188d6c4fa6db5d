import type { Builder } from '../ports/builder.ts';

/** One builder of two: what becomes an image goes to `images`, everything else to `folders`. Each has the limits to itself. */
export function builderOfBoth({ folders, images }: { readonly folders: Builder; readonly images: Builder }): Builder {
  const of = (recipe: Parameters<Builder['has']>[1]): Builder =>
    recipe.image === undefined && recipe.given === undefined ? folders : images;
  return {
    build: (request) => of(request.recipe).build(request),
    has: (app, recipe) => of(recipe).has(app, recipe),
    async prune(keep, limits) {
      // Where the engine is away its images stay; the folders are tidied all the same.
      const [freed, fromEngine] = await Promise.allSettled([folders.prune(keep, limits), images.prune(keep, limits)]);
      if (freed.status === 'rejected') throw freed.reason;
      if (fromEngine.status === 'rejected') throw fromEngine.reason;
      return freed.value + fromEngine.value;
    },
  };
}
