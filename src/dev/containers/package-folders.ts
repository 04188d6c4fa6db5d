import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { upwards } from '../folder.ts';
import { noSourceIn } from '../watch.ts';
import type { Bind } from './body.ts';

/** Where containers see packages of their own instead of those that were made for this machine. */
export interface PackageFolders {
  readonly binds: readonly Bind[];
  /** Where on this machine the folder lies that a container sees. */
  seenAt(folder: string): string;
}

/** Most folders looked into for manifests. */
const mostFolders = 5000;

/**
 * A place below `kept` for node_modules and .venv of every folder with a manifest that a service may use: what was built for one system does not run on
 * the other, and nothing of the user's is touched.
 * @param services absolute folders, which count with or without a manifest.
 */
export function packageFolders(of: {
  readonly root: string;
  readonly services: readonly string[];
  readonly kept: string;
}): PackageFolders {
  const { root, services, kept } = of;
  const above = new Set(services.flatMap((folder) => upwards({ root, folder })));
  const linking = [...above].filter(linksOthers);
  const found = manifestsBelow(root).filter(
    ({ folder }) => above.has(folder) || linking.some((one) => folder.startsWith(`${one}/`)),
  );
  const wanted = new Set([
    ...found.filter(({ file }) => file === 'package.json').map(({ folder }) => join(folder, 'node_modules')),
    ...found.filter(({ file }) => file !== 'package.json').map(({ folder }) => join(folder, '.venv')),
    ...services.flatMap((folder) => (isFolder(join(folder, '.venv')) ? [join(folder, '.venv')] : [])),
  ]);
  const binds = [...wanted]
    .filter((target) => lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true)
    .sort()
    .map((target) => ({ source: join(kept, relative(root, target)), target }));
  const seenAt = (folder: string): string => {
    const bind = binds.find(({ target }) => folder === target || folder.startsWith(`${target}/`));
    return bind === undefined ? folder : join(bind.source, relative(bind.target, folder));
  };
  return { binds, seenAt };
}

/**
 * Makes both ends of every bind: an engine would make them as root.
 * @returns takes away again, where it is still empty, what was made in the repository.
 */
export function makeEnds(binds: readonly Bind[]): () => void {
  const made: string[] = [];
  for (const { source, target } of binds) {
    mkdirSync(source, { recursive: true });
    if (isFolder(target)) continue;
    mkdirSync(target);
    made.push(target);
  }
  return () => {
    for (const folder of made) {
      try {
        rmdirSync(folder);
      } catch {
        // Somebody has put something into it: then it is theirs.
      }
    }
  };
}

/** Packages of this folder may be installed into other folders of the repository. */
function linksOthers(folder: string): boolean {
  if (existsSync(join(folder, 'pnpm-workspace.yaml'))) return true;
  const manifest = join(folder, 'package.json');
  return existsSync(manifest) && /"workspaces"\s*:|"(?:file|link|portal|workspace):/.test(readFileSync(manifest, 'utf8'));
}

const manifests = new Set(['package.json', 'requirements.txt', 'pyproject.toml', 'Pipfile']);

function manifestsBelow(root: string): { readonly folder: string; readonly file: string }[] {
  const ignored = noSourceIn(root, { data: [], named: [] });
  const found: { folder: string; file: string }[] = [];
  const waiting = [root];
  for (let at = waiting.shift(), looked = 0; at !== undefined && looked < mostFolders; at = waiting.shift(), looked++) {
    for (const entry of entriesOf(at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && !ignored(path)) waiting.push(path);
      else if (entry.isFile() && manifests.has(entry.name)) found.push({ folder: dirname(path), file: entry.name });
    }
  }
  return found;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

const isFolder = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
