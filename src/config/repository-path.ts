import { posix } from 'node:path';

/**
 * A path of the repository in its one spelling: `.` or `a/b`, no leading or trailing slash.
 * Undefined when it is absolute, leaves the repository, reaches into `.git`, or holds what no repository path can.
 */
export function repositoryPath(text: string): string | undefined {
  if (text === '' || text.startsWith('/') || text.startsWith('~') || text.includes('\\') || hasControls(text)) return undefined;
  const clean = posix.normalize(text).replace(/\/+$/, '');
  if (clean === '..' || clean.startsWith('../')) return undefined;
  if (clean.split('/').some((segment) => segment.toLowerCase() === '.git')) return undefined;
  return clean === '' ? '.' : clean;
}

/** `inner` seen from the repository's root, both already clean. */
export const joinPath = (folder: string, inner: string): string => {
  const joined = posix.join(folder, inner);
  return joined === '' ? '.' : joined;
};

/** Whether `path` is `folder` or lies below it. */
export const isWithin = (path: string, folder: string): boolean =>
  folder === '.' || path === folder || path.startsWith(`${folder}/`);

/** Control characters, line breaks among them. */
const hasControls = (text: string): boolean => /\p{Cc}/u.test(text);
