import { stat } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';

/**
 * The search path with the folders that not everybody may enter at its end. Instances run as a user of their own: what a build takes
 * from such a folder (a Python below /root that its virtual environment points to) would not be there for them.
 */
export async function reachableFirst(searchPath: string): Promise<string> {
  const folders = searchPath.split(delimiter).filter((folder) => folder !== '');
  const reachable = await Promise.all(folders.map(isReachable));
  return [...folders.filter((_, index) => reachable[index]), ...folders.filter((_, index) => !reachable[index])].join(delimiter);
}

/** Everybody may enter it and all folders above it; one that does not exist is in nobody's way. */
async function isReachable(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const facts = await stat(at).catch(() => null);
    if (facts !== null && (facts.mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}
