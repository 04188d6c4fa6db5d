import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

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

/** The real file of `relative` below `root`; undefined when there is none or a link leads out of the root. */
export async function realFile(root: string, relative: string): Promise<string | undefined> {
  try {
    const [realRoot, file] = await Promise.all([realpath(root), realpath(join(root, relative))]);
    return file === realRoot || file.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep) ? file : undefined;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP' || code === 'EACCES')
      return undefined;
    throw cause;
  }
}
