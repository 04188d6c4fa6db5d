import { opendir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { RunTool } from '../../../ports/tool.ts';

/** Paths relative to the folder, with `/` between their parts, and what is worth a word about them. */
export interface Listing {
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

const leftOut = new Set(['.git', 'node_modules', '.venv', 'venv', '__pycache__', '.next', '.cache', 'dist', 'build', 'coverage']);

/** What is committed or could be: git decides, by its own rules of what to ignore. Without a repository, all but what tools leave behind. */
export async function listFiles(folder: string, run: RunTool, signal: AbortSignal): Promise<Listing> {
  const listed = await run({
    command: 'git',
    args: [
      '-c',
      'core.fsmonitor=false',
      '-c',
      'core.quotePath=false',
      'ls-files',
      '-z',
      '--cached',
      '--others',
      '--exclude-standard',
      '--deduplicate',
    ],
    folder,
    timeoutMs: 60_000,
    maxBytes: 256 * 1024 * 1024,
    signal,
  });
  if (listed.end === 'ended' && listed.code === 0)
    return { files: listed.stdout.split('\0').filter((file) => file !== ''), notes: [] };
  signal.throwIfAborted();
  const files: string[] = [];
  await walk(folder, folder, files, signal);
  return { files, notes: ['It is no git repository; files that are ignored were looked at, too.'] };
}

const mostFiles = 500_000;

async function walk(root: string, folder: string, files: string[], signal: AbortSignal): Promise<void> {
  for await (const entry of await opendir(folder)) {
    signal.throwIfAborted();
    if (entry.isDirectory() && !leftOut.has(entry.name)) await walk(root, join(folder, entry.name), files, signal);
    else if (entry.isFile()) files.push(relative(root, join(folder, entry.name)).replaceAll(sep, '/'));
    if (files.length > mostFiles) throw new Error(`there are more than ${mostFiles} files`);
  }
}
