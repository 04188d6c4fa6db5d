import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RouteTable } from '../../../domain/route-table.ts';

/** The last table on disk: what a worker serves when it starts without us. */
export class TableStore {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** The stored table; undefined when there is none or it cannot be read. */
  read(): RouteTable | undefined {
    const text = this.#text();
    if (text === undefined) return undefined;
    try {
      const table = JSON.parse(text) as RouteTable | null;
      return table && Number.isInteger(table.version) && Number.isInteger(table.epoch) ? table : undefined;
    } catch {
      return undefined;
    }
  }

  /** Replaces the stored table for good, or not at all. Returns how to put back what was there before. */
  write(table: RouteTable): { restore(): void } {
    const before = this.#text();
    this.#replace(JSON.stringify(table));
    return {
      restore: () => {
        if (before === undefined) rmSync(this.#file, { force: true });
        else this.#replace(before);
      },
    };
  }

  #text(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8');
    } catch {
      return undefined;
    }
  }

  #replace(text: string): void {
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const draft = `${this.#file}.new`;
    const fd = openSync(draft, 'w', 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, this.#file);
    const folder = openSync(dirname(this.#file), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}
