import { readFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RouteTable } from '../../../domain/route-table.ts';

/** What becomes of the table that was stored before: exactly one of the two is to be called. */
export interface Stored {
  /** The new one stays. */
  keep(): Promise<void>;
  /** The one before comes back as it was. */
  restore(): Promise<void>;
}

/** The last table on disk: what a worker serves when it starts without us. */
export class TableStore {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** The stored table; undefined when there is none or it cannot be read. */
  read(): RouteTable | undefined {
    try {
      const table = JSON.parse(readFileSync(this.#file, 'utf8')) as RouteTable | null;
      const isTable = table && Number.isInteger(table.version) && Number.isInteger(table.epoch);
      return isTable && [table.splits, table.pools, table.links].every(Array.isArray) ? table : undefined;
    } catch {
      return undefined;
    }
  }

  /** Replaces the stored table for good, or not at all. One at a time. */
  async write(content: Buffer): Promise<Stored> {
    // Open, what is about to be replaced can still be read.
    const before = await open(this.#file, 'r').catch(() => undefined);
    try {
      await this.#replace(content);
    } catch (cause) {
      await before?.close();
      throw cause;
    }
    return {
      keep: async () => before?.close(),
      restore: () => this.#restore(before),
    };
  }

  async #restore(before: FileHandle | undefined): Promise<void> {
    if (!before) {
      await rm(this.#file, { force: true });
      return;
    }
    try {
      await this.#replace(await before.readFile());
    } finally {
      await before.close();
    }
  }

  async #replace(content: Buffer): Promise<void> {
    const folder = dirname(this.#file);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#file}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#file);
    const entry = await open(folder, 'r');
    try {
      await entry.sync();
    } finally {
      await entry.close();
    }
  }
}
