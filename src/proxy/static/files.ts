import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { artifactAround, realFile } from './resolve.ts';

/** Beyond this a file is told apart by size, time and inode instead of by its content. */
const hashedBytes = 8 * 1024 * 1024;
const rememberedFiles = 5_000;

/** One file as it is on disk. */
export interface FileFacts {
  /** Real path. */
  readonly path: string;
  readonly size: number;
  readonly modified: Date;
  /** Strong. */
  readonly etag: string;
  /** First 8 hex digits of the content's hash; undefined for very large files. */
  readonly version: string | undefined;
}

interface Remembered {
  readonly stamp: string;
  readonly facts: FileFacts;
}

/** The files below one root; what was learnt about a file is kept until the file changes. */
export class Files {
  readonly root: string;
  readonly #remembered = new Map<string, Remembered>();
  /** Nothing outside it is served, even where the root itself is a link. */
  #artifact: string | undefined;

  constructor(root: string) {
    this.root = root;
  }

  /** An open file with its facts, to be closed by the caller; undefined when there is no such regular file in the root. */
  async open(relative: string): Promise<{ readonly handle: FileHandle; readonly facts: FileFacts } | undefined> {
    this.#artifact ??= await artifactAround(this.root);
    const path = await realFile(this.root, relative, this.#artifact);
    if (path === undefined) return undefined;
    // Without waiting: a named pipe would hold a thread until somebody writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) {
        await handle.close();
        return undefined;
      }
      const stamp = `${stat.size}-${stat.mtimeMs}-${stat.ino}`;
      const known = this.#remembered.get(path);
      if (known?.stamp === stamp) return { handle, facts: known.facts };
      const hash = stat.size <= hashedBytes ? await hashOf(handle) : undefined;
      const etag = hash === undefined ? `"${stamp}"` : `"${hash.slice(0, 32)}"`;
      const facts = { path, size: stat.size, modified: stat.mtime, etag, version: hash?.slice(0, 8) };
      if (this.#remembered.size >= rememberedFiles) this.#remembered.clear();
      this.#remembered.set(path, { stamp, facts });
      return { handle, facts };
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  async facts(relative: string): Promise<FileFacts | undefined> {
    const opened = await this.open(relative);
    await opened?.handle.close();
    return opened?.facts;
  }
}

async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
