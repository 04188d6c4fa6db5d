import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const chunk = 256 * 1024;

/**
 * Disk space put aside beside the database. When the disk is full it is given up, so that the decisions that end a rollout or
 * roll it back can still be written; it is taken again as soon as there is room for twice its size.
 */
export class Reserve {
  readonly #file: string;
  readonly #bytes: number;

  /** `bytes` 0: no reserve. */
  constructor(database: string, bytes: number) {
    this.#file = `${database}.reserve`;
    this.#bytes = bytes;
  }

  get whole(): boolean {
    return this.#bytes === 0 || (statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) >= this.#bytes;
  }

  /** Gives the space up. False when there was none to give. */
  release(): boolean {
    const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > 0) rmSync(this.#file, { force: true });
    return size > 0;
  }

  /** Takes the space when there is room. True when the reserve is whole afterwards. */
  restore(): boolean {
    if (this.whole) return true;
    try {
      const disk = statfsSync(dirname(this.#file));
      if (disk.bavail * disk.bsize < 2 * this.#bytes) return false;
      this.#fill();
      return true;
    } catch {
      // No room after all (a quota, another writer): what was taken is given back, and the next commit tries again.
      rmSync(this.#file, { force: true });
      return false;
    }
  }

  /** Random bytes, because a file system that compresses would keep no room for zeros. */
  #fill(): void {
    const handle = openSync(this.#file, 'w', 0o600);
    try {
      const block = Buffer.allocUnsafe(chunk);
      for (let written = 0; written < this.#bytes; ) {
        randomFillSync(block);
        written += writeSync(handle, block, 0, Math.min(chunk, this.#bytes - written));
      }
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }
}
