import { posix } from 'node:path';
import type { CommitReader } from './commit-reader.ts';

const sources = /\.(?:[cm]?[jt]sx?|json|vue|svelte|astro|css|scss|sass|less|py|toml|ya?ml|txt|sh|html|mdx?)$/;
const documents = /\.(?:mdx?|txt|html)$/;
/** More source files than this are not looked through: unsure. */
const mostFiles = 1500;
/** `../x` as it stands in imports, requires, paths and settings. */
const upward = /(?:^|["'`(=\s:])((?:\.\/)?(?:\.\.\/)+[A-Za-z0-9@_.][^"'`)\s,;]*|\.\.)(?=["'`)\s,;]|$)/gm;
/** `'..', '..'`: steps up as arguments of a path function. */
const steps = /(["'`])\.\.\1(?:\s*,\s*(["'`])\.\.\2)+/g;
/** Python imports cannot be followed by text, but files opened above the own folder can. */
const pythonParent = /(?:parents\[\d\]|\.parent\.parent|dirname\(\s*(?:os\.path\.)?dirname)/;

/** Whether a file below `folder` names something that lies outside all `allowed` folders; true as well when that cannot be told. */
export async function reachesOutside(
  folder: string,
  given: { commit: CommitReader; allowed: readonly string[] },
): Promise<boolean> {
  const files = (await given.commit.list(folder, 20_000)).filter(
    (path) => sources.test(path) && !/(?:^|\/)(?:package-lock\.json|node_modules\/|.*\.min\.\w+$)/.test(path),
  );
  const read = files.filter((path) => !documents.test(path) || /requirements[^/]*\.txt$/.test(path));
  if (read.length > mostFiles) return true;
  for (let start = 0; start < read.length; start += 8) {
    const batch = await Promise.all(
      read.slice(start, start + 8).map(async (path) => namesOutside(path, (await given.commit.read(path)) ?? '', given.allowed)),
    );
    if (batch.some(Boolean)) return true;
  }
  return false;
}

function namesOutside(path: string, text: string, allowed: readonly string[]): boolean {
  if (path.endsWith('.py') && pythonParent.test(text)) return true;
  if (!text.includes('..')) return false;
  const folder = posix.dirname(path);
  const named = [...text.matchAll(upward)].map((match) => match[1] ?? '.');
  const climbed = [...text.matchAll(steps)].map((match) => '../'.repeat(match[0].split('..').length - 1));
  for (const name of [...named, ...climbed]) {
    const target = posix.normalize(posix.join(folder, name)).replace(/\/$/, '');
    if (!allowed.some((root) => target === root || target.startsWith(`${root}/`))) return true;
  }
  return false;
}
