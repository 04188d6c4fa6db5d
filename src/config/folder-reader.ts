import type { Dirent } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { joinPath } from './repository-path.ts';
import type { RepositoryReader } from './reader.ts';

/** Folders that no repository means to deploy as its source. */
const skipped = new Set(['.git', 'node_modules', '.venv', '__pycache__', '.next', '.turbo']);
/** Longest file read, in bytes; anything longer counts as not there. */
const maxBytes = 2 * 1024 * 1024;

/** Reads a folder on disk as if it were a repository. Symbolic links are not followed. */
export function folderReader(folder: string): RepositoryReader {
  const root = resolve(folder);
  return {
    folderName: basename(root),
    async read(path) {
      const facts = await lstat(join(root, path)).catch(() => null);
      return facts?.isFile() === true && facts.size <= maxBytes ? readFile(join(root, path), 'utf8') : null;
    },
    async list(start, limit) {
      const files: string[] = [];
      const waiting = [start];
      for (let at = waiting.shift(); at !== undefined && files.length < limit; at = waiting.shift()) {
        const entries = await readdir(join(root, at), { withFileTypes: true }).catch((): Dirent[] => []);
        for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
          if (skipped.has(entry.name)) continue;
          if (entry.isDirectory()) waiting.push(joinPath(at, entry.name));
          else files.push(joinPath(at, entry.name));
        }
      }
      return files.slice(0, limit);
    },
  };
}
