import type { RepositoryReader } from '../../src/config/reader.ts';

/** A repository that exists only as texts. */
export const memoryReader = (files: Readonly<Record<string, string>>, folderName = 'shop'): RepositoryReader => ({
  folderName,
  read: (path) => Promise.resolve(Object.hasOwn(files, path) ? (files[path] ?? null) : null),
  list: (folder, limit) =>
    Promise.resolve(
      Object.keys(files)
        .filter((path) => folder === '.' || path.startsWith(`${folder}/`))
        .sort()
        .slice(0, limit),
    ),
});
