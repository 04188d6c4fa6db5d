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

/** Tests, seen from the folder of their service. */
const tests =
  /(?:^|\/)(?:__tests__|__mocks__|tests?|e2e|cypress)\/|[._-](?:test|spec|e2e|cy)\.[cm]?[jt]sx?$|(?:^|\/)(?:test_[^/]*|[^/]*_test|conftest)\.py$/;
/** What a compiler that compiles the tests too would look for. */
const imported = /\b(?:from|import|require(?:\.resolve)?|mock)\s*\(?\s*["'`](\.\.?\/[^"'`]+)["'`]/g;

export interface Looking {
  readonly commit: CommitReader;
  readonly allowed: readonly string[];
  /** The build runs the tests: what they read counts like everything else. */
  readonly runsTests: boolean;
}

/**
 * What a file below `folder` names that lies outside of all `allowed` folders, as half a sentence; undefined: nothing does. Of tests,
 * which often name paths that are nobody's, only imports of what is there count. Says so as well when it cannot be told.
 */
export async function leadsOutside(folder: string, given: Looking): Promise<string | undefined> {
  const files = (await given.commit.list(folder, 20_000)).filter(
    (path) => sources.test(path) && !/(?:^|\/)(?:package-lock\.json|node_modules\/|.*\.min\.\w+$)/.test(path),
  );
  const read = files.filter((path) => !documents.test(path) || /requirements[^/]*\.txt$/.test(path));
  if (read.length > mostFiles) return `${folder} has too many source files to look for paths that lead out of it`;
  for (let start = 0; start < read.length; start += 8) {
    const batch = await Promise.all(
      read.slice(start, start + 8).map(async (path) => {
        const text = (await given.commit.read(path)) ?? '';
        const isTest = !given.runsTests && tests.test(posix.relative(folder, path));
        return isTest ? importOutside(path, text, given) : nameOutside(path, text, given.allowed);
      }),
    );
    const [found] = batch.filter((name) => name !== undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOutside(path: string, text: string, allowed: readonly string[]): string | undefined {
  const python = path.endsWith('.py') ? pythonParent.exec(text)?.[0] : undefined;
  if (python !== undefined) return `${path} opens folders above its own (${python})`;
  if (!text.includes('..')) return undefined;
  const named = [...text.matchAll(upward)].map((match) => match[1] ?? '.');
  const climbed = [...text.matchAll(steps)].map((match) => '../'.repeat(match[0].split('..').length - 1));
  const found = [...named, ...climbed].find((name) => !isAllowed(targetOf(path, name), allowed));
  return found === undefined ? undefined : `${path} names ${found}`;
}

async function importOutside(path: string, text: string, { commit, allowed }: Looking): Promise<string | undefined> {
  for (const [, name = ''] of text.includes('..') ? text.matchAll(imported) : []) {
    const target = targetOf(path, name);
    if (!isAllowed(target, allowed) && (await isThere(target, commit))) return `the test ${path} imports ${name}`;
  }
  return undefined;
}

const targetOf = (path: string, name: string): string =>
  posix.normalize(posix.join(posix.dirname(path), name)).replace(/\/$/, '');

const isAllowed = (target: string, allowed: readonly string[]): boolean =>
  allowed.some((root) => target === root || target.startsWith(`${root}/`));

/** As a file, with whatever extension an import leaves out or writes for another, or as a folder. */
async function isThere(target: string, commit: CommitReader): Promise<boolean> {
  if (target.startsWith('..')) return false;
  const parent = posix.dirname(target);
  const stem = target.replace(/\.[cm]?[jt]sx?$/, '');
  const beside = await commit.list(parent, 20_000);
  return beside.some((path) => path === target || path.startsWith(`${target}/`) || path.startsWith(`${stem}.`));
}
