import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';

/**
 * The segments of a URL path below a root, decoded; undefined when the path tries anything else than to name a file there:
 * dot segments, encoded slashes, backslashes, NUL, empty segments, hidden names (`.well-known` excepted), bad encodings.
 */
export function segmentsOf(path: string): string[] | undefined {
  const segments: string[] = [];
  const parts = path.split('/');
  for (let i = 1; i < parts.length; i += 1) {
    const part = parts[i] as string;
    if (part === '') {
      if (i === parts.length - 1) break;
      return undefined;
    }
    let segment: string;
    try {
      segment = decodeURIComponent(part);
    } catch {
      return undefined;
    }
    if (/[/\\\0]/.test(segment) || (segment.startsWith('.') && segment !== '.well-known')) return undefined;
    segments.push(segment);
  }
  return segments;
}

/** The real file of `relative` below `root`; undefined when there is none or a link leads out of the root, or the root out of `within`. */
export async function realFile(root: string, relative: string, within?: string): Promise<string | undefined> {
  try {
    const [realRoot, file] = await Promise.all([realpath(root), realpath(join(root, relative))]);
    if (within !== undefined && !isBelow(realRoot, within)) return undefined;
    return isBelow(file, realRoot) ? file : undefined;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP' || code === 'EACCES')
      return undefined;
    throw cause;
  }
}

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** What the builder leaves at the top of each artifact. */
const artifactMarker = '.signalbox-artifact.json';

/**
 * The real folder of the artifact that holds `folder` by its name; undefined for one that no builder made. The outermost one, since
 * further in a link may lead into somebody else's.
 */
export async function artifactAround(folder: string): Promise<string | undefined> {
  let found: string | undefined;
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const marked = await lstat(join(at, artifactMarker)).catch(() => null);
    if (marked?.isFile() === true) found = at;
  }
  return found === undefined ? undefined : realpath(found);
}
