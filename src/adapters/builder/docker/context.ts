import { lstat, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { posix, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import type { ImageRecipe } from '../../../domain/release.ts';
import type { BuildRequest } from '../../../ports/builder.ts';
import type { Source } from '../../../ports/source.ts';
import { type Ignore, nothingIgnored, parseIgnore } from './ignore.ts';
import { tar, type TarEntry } from './tar.ts';

/** What is sent to the engine for one build. */
export interface Context {
  /** The archive, to be read once. */
  open(): Readable;
  /** Path of the Dockerfile in the archive. */
  readonly dockerfile: string;
  /** Bytes of the files in it. */
  readonly bytes: number;
  dispose(): Promise<void>;
}

/** A context that cannot be sent, in words for people. */
export class ContextError extends Error {}

export interface ContextOptions {
  readonly source: Pick<Source, 'checkout'>;
  /** Folder for what is laid out; it is empty between builds. */
  readonly incoming: string;
  readonly maxBytes: number;
}

/** Name of a Dockerfile that does not lie in the context; never seen by `COPY . .`. */
const besideName = '.signalbox.Dockerfile';
export const layoutPrefix = 'build-';

/** Lays the source out and looks at what of it belongs to the context. @throws ContextError, and what `checkout` throws. */
export async function makeContext(request: BuildRequest, recipe: ImageRecipe, options: ContextOptions): Promise<Context> {
  const laidOut = await mkdtemp(join(options.incoming, layoutPrefix));
  const dispose = () => rm(laidOut, { recursive: true, force: true, maxRetries: 3 });
  try {
    await options.source.checkout(request.app, request.sha, request.recipe.inputs, laidOut);
    return { ...(await contextIn(laidOut, recipe, options)), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

export interface FolderContextOptions {
  readonly maxBytes: number;
  /** Rules besides those of .dockerignore, one each. */
  readonly ignored?: readonly string[];
}

/** What of a folder that holds a whole source belongs to the context. @throws ContextError */
export async function contextIn(
  source: string,
  recipe: ImageRecipe,
  { maxBytes, ignored: others = [] }: FolderContextOptions,
): Promise<Omit<Context, 'dispose'>> {
  const folder = await insideFolder(source, recipe.context);
  const dockerfile = await dockerfileOf(source, recipe);
  const said = dockerfile.besideIgnore ?? (await textOf(join(folder, '.dockerignore')));
  const ignored = others.length === 0 ? said : [said ?? '', ...others].join('\n');
  const ignore = ignored === null ? nothingIgnored : readIgnore(ignored);
  const entries = await listEntries(folder, { ignore, keep: dockerfile.name });
  const bytes = entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0);
  if (bytes > maxBytes) throw new ContextError(tooLarge(recipe.context, entries, { bytes, most: maxBytes }));
  const all = [...entries.filter((entry) => entry.name !== '.dockerignore'), ...dockerignore(ignored, dockerfile)];
  if (dockerfile.text !== undefined) all.push({ type: 'text', name: dockerfile.name, text: dockerfile.text });
  return { open: () => Readable.from(tar(all), { objectMode: false }), dockerfile: dockerfile.name, bytes };
}

interface FoundDockerfile {
  readonly name: string;
  /** Undefined: it is in the context as it is. */
  readonly text?: string;
  /** `<Dockerfile>.dockerignore` goes before the context's own. */
  readonly besideIgnore: string | null;
}

async function dockerfileOf(laidOut: string, { dockerfile, context }: ImageRecipe): Promise<FoundDockerfile> {
  if ('text' in dockerfile) return { name: besideName, text: dockerfile.text, besideIgnore: null };
  const text = await textOf(join(laidOut, dockerfile.path));
  if (text === null) throw new ContextError(`The source has no file ${dockerfile.path}.`);
  const besideIgnore = await textOf(join(laidOut, `${dockerfile.path}.dockerignore`));
  const inside = posix.relative(context, dockerfile.path);
  return inside.startsWith('../') ? { name: besideName, text, besideIgnore } : { name: inside, besideIgnore };
}

/** The engine leaves out of the context what this file says besides: a Dockerfile that was only sent along. */
function dockerignore(ignored: string | null, dockerfile: FoundDockerfile): TarEntry[] {
  const added = dockerfile.text === undefined ? '' : `\n${besideName}\n.dockerignore\n`;
  return ignored === null && added === '' ? [] : [{ type: 'text', name: '.dockerignore', text: `${ignored ?? ''}${added}` }];
}

function readIgnore(text: string): Ignore {
  try {
    return parseIgnore(text);
  } catch (cause) {
    throw new ContextError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** @throws ContextError when it is none, or a link leads there. */
async function insideFolder(laidOut: string, path: string): Promise<string> {
  const folder = join(laidOut, path);
  const real = await realpath(folder).catch(() => null);
  const root = await realpath(laidOut);
  if (real === null || !(await lstat(folder)).isDirectory()) throw new ContextError(`The source has no folder ${path}.`);
  if (real !== join(root, path) && real !== `${root}${sep}`) throw new ContextError(`${path} leads out of the source by a link.`);
  return folder;
}

/** A plain file's text; null for anything else. */
async function textOf(path: string): Promise<string | null> {
  const facts = await lstat(path).catch(() => null);
  return facts?.isFile() === true && facts.size < 4 * 1024 ** 2 ? readFile(path, 'utf8') : null;
}

/** Everything that is not ignored, sorted; links as they are, wherever they lead: the engine follows none out of its context. */
async function listEntries(folder: string, which: { ignore: Ignore; keep: string }): Promise<TarEntry[]> {
  const found: TarEntry[] = [];
  const walk = async (below: string): Promise<void> => {
    const names = await readdir(join(folder, below), { withFileTypes: true });
    names.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of names) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      const path = join(folder, name);
      const out = which.ignore.excludes(name) && name !== which.keep && !which.keep.startsWith(`${name}/`);
      if (out && (which.ignore.final || !entry.isDirectory())) continue;
      if (entry.isDirectory()) {
        if (!out) found.push({ type: 'folder', name });
        await walk(name);
      } else if (entry.isSymbolicLink()) found.push({ type: 'link', name, target: await readlink(path) });
      else if (entry.isFile()) {
        const { size, mode } = await lstat(path);
        found.push({ type: 'file', name, path, size, executable: (mode & 0o111) !== 0 });
      }
    }
  };
  await walk('');
  return found;
}

function tooLarge(context: string, entries: readonly TarEntry[], size: { bytes: number; most: number }): string {
  const sums = new Map<string, number>();
  for (const entry of entries) {
    if (entry.type !== 'file') continue;
    const top = entry.name.split('/').slice(0, 2).join('/');
    sums.set(top, (sums.get(top) ?? 0) + entry.size);
  }
  const largest = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 3);
  const named = largest.map(([name, bytes]) => `${name} ${mib(bytes)}`).join(', ');
  return `The context ${context} has ${mib(size.bytes)}; at most ${mib(size.most)} is sent. Largest: ${named}. Leave out what no image needs by a .dockerignore.`;
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
