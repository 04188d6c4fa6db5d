import type { RepositoryReader } from '../reader.ts';
import { joinPath } from '../repository-path.ts';

/** One folder of a repository under inspection; all paths are relative to it. */
export interface Folder {
  readonly path: string;
  readonly files: readonly string[];
  has(file: string): boolean;
  read(file: string): Promise<string | null>;
  /** The same path as a reader of the repository knows it. */
  fromRoot(file: string): string;
}

export interface SourceText {
  readonly file: string;
  readonly text: string;
}

const irrelevant =
  /(?:^|\/)(?:node_modules|\.git|\.venv|venv|__pycache__|tests?|__tests__|spec|e2e|cypress|coverage|\.next|vendor|examples?|docs)\//;
const code = /\.(?:[cm]?[jt]sx?|py|vue|svelte)$/;

export function folderOf(path: string, all: readonly string[], reader: RepositoryReader): Folder {
  const files = path === '.' ? all : all.filter((file) => file.startsWith(`${path}/`)).map((file) => file.slice(path.length + 1));
  const known = new Set(files);
  const fromRoot = (file: string): string => joinPath(path, file);
  return {
    path,
    files,
    has: (file) => known.has(file),
    read: (file) => (known.has(file) ? reader.read(fromRoot(file)) : Promise.resolve(null)),
    fromRoot,
  };
}

/** Texts of the code in a folder, the shallowest first, at most 300 files of at most 200 KB; tests and dependencies left out. */
export async function codeOf(folder: Folder): Promise<readonly SourceText[]> {
  const depth = (file: string): number => file.split('/').length;
  const files = folder.files.filter(
    (file) => code.test(file) && !irrelevant.test(`/${file}`) && !/\.(?:test|spec|min|d)\.\w+$/.test(file),
  );
  files.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const texts: SourceText[] = [];
  const chosen = files.slice(0, 300);
  for (let start = 0; start < chosen.length; start += 8) {
    const read = await Promise.all(
      chosen.slice(start, start + 8).map(async (file) => ({ file, text: (await folder.read(file)) ?? '' })),
    );
    texts.push(...read.filter(({ text }) => text.length < 200_000));
  }
  return texts;
}

/** Number of the line in which `index` of the text lies. */
export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;
