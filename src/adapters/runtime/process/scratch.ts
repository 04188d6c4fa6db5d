import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, chown, copyFile, lchown, lstat, mkdir, readdir, readlink, realpath, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Big, and only ever read: shared with the artifact by hard links. Their files are read-only to instances. */
const dependencyFolders = new Set(['node_modules', '.venv', 'venv', 'vendor']);

/** Files copied at the same time. */
const width = 16;

const run = promisify(execFile);

/** Makes `target` a writable copy of the artifact that owns everything except the dependency folders' files. */
export async function copyArtifact(artifact: string, target: string, owner: Owner | null): Promise<void> {
  const pending: (() => Promise<void>)[] = [];
  const walk = async (from: string, to: string): Promise<void> => {
    await mkdir(to, { mode: 0o755 });
    if (owner) await chown(to, owner.uid, owner.gid);
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const source = join(from, entry.name);
      const copy = join(to, entry.name);
      if (entry.isDirectory()) {
        if (dependencyFolders.has(entry.name)) pending.push(() => linkTree(source, copy, owner));
        else await walk(source, copy);
      } else if (entry.isSymbolicLink()) {
        await symlink(await readlink(source), copy);
        if (owner) await lchown(copy, owner.uid, owner.gid);
      } else if (entry.isFile()) {
        pending.push(() => copyWritable(source, copy, owner));
      }
    }
  };
  await walk(artifact, target);
  const worker = async (): Promise<void> => {
    for (let job = pending.pop(); job; job = pending.pop()) await job();
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function copyWritable(source: string, copy: string, owner: Owner | null): Promise<void> {
  await copyFile(source, copy, constants.COPYFILE_FICLONE);
  const { mode } = await lstat(source);
  await chmod(copy, (mode & 0o755) | 0o200);
  if (owner) await chown(copy, owner.uid, owner.gid);
}

async function linkTree(source: string, copy: string, owner: Owner | null): Promise<void> {
  try {
    await run('cp', ['-al', '--', source, copy]);
  } catch {
    // Another file system: a true copy it is.
    await rm(copy, { recursive: true, force: true });
    await run('cp', ['-a', '--reflink=auto', '--', source, copy]);
  }
  // Folders only: a file's owner is the artifact's owner, too.
  if (owner) await run('find', [copy, '-type', 'd', '-exec', 'chown', `${owner.uid}:${owner.gid}`, '{}', '+']);
}

/**
 * Replaces `folder` of a scratch copy by a link to where it lasts. The lasting one starts as the artifact's own content, once.
 * @param inArtifact the same folder in the artifact.
 */
export async function linkPersistent(
  paths: { readonly inScratch: string; readonly inArtifact: string; readonly lasting: string },
  owner: Owner | null,
): Promise<void> {
  const { inScratch, inArtifact, lasting } = paths;
  if (!(await exists(lasting))) await seed(inArtifact, lasting, owner);
  await rm(inScratch, { recursive: true, force: true });
  await mkdir(dirname(inScratch), { recursive: true });
  await symlink(lasting, inScratch);
  if (owner) await lchown(inScratch, owner.uid, owner.gid);
}

/** Appears whole or not at all; when two instances do it at once the first one's stays. */
async function seed(from: string, lasting: string, owner: Owner | null): Promise<void> {
  const draft = `${lasting}.seed-${process.pid}-${Math.random().toString(36).slice(2)}`;
  await mkdir(dirname(lasting), { recursive: true });
  const origin = await lstat(from).catch(() => null);
  if (origin?.isDirectory()) await copyArtifact(from, draft, owner);
  else if (origin?.isFile()) await copyWritable(from, draft, owner);
  else {
    await mkdir(draft);
    if (owner) await chown(draft, owner.uid, owner.gid);
  }
  // What an app keeps is nothing for other apps, which run as other users.
  await chmod(draft, origin?.isFile() ? 0o600 : 0o700);
  try {
    if (await exists(lasting)) throw new Error('It is there.');
    await rename(draft, lasting);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(lasting))) throw cause;
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** `path` when it lies below `root` and is not `root` itself, else null. */
export function below(root: string, path: string): string | null {
  const full = join(root, path);
  const rest = relative(root, full);
  return rest === '' || rest.startsWith('..') ? null : full;
}

/** Whether `folder`, or the nearest one above it that is there, really lies in `root`: links on the way are followed. */
export async function staysBelow(root: string, folder: string): Promise<boolean> {
  const top = await realpath(root);
  for (let at = folder; ; at = dirname(at)) {
    const real = await realpath(at).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw cause;
    });
    if (real !== null) return real === top || real.startsWith(`${top}/`);
  }
}
