import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openSqliteStore, type SqliteStoreOptions } from '../../../src/adapters/store/sqlite/store.ts';
import type { Store } from '../../../src/ports/store.ts';
import { type Programs, temporaryFolder } from './programs.ts';

/** One installation's folder; ends every store and process that a test started on it. */
export class Place {
  readonly folder: string;
  readonly file: string;
  readonly lockFile: string;
  readonly #programs: Programs;
  readonly #stores: Store[] = [];
  readonly #children: ChildProcess[] = [];

  private constructor(folder: string, programs: Programs) {
    this.folder = folder;
    this.file = join(folder, 'signalbox.db');
    this.lockFile = join(folder, 'lock');
    this.#programs = programs;
  }

  static async make(programs: Programs): Promise<Place> {
    return new Place(await temporaryFolder(), programs);
  }

  async open(options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
    const workerFile = this.#programs.worker;
    const store = await openSqliteStore({
      file: this.file,
      lockFile: this.lockFile,
      workerFile,
      reserve: 256 * 1024,
      ...options,
    });
    this.#stores.push(store);
    return store;
  }

  /** A process with a store of its own on this folder; `hold`: takes the home and commits nothing. */
  start(mode: 'commit' | 'hold'): Committer {
    return this.run(process.execPath, [this.#programs.committer, this.file, this.lockFile, this.#programs.worker, mode]);
  }

  run(program: string, parameters: readonly string[]): Committer {
    const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return new Committer(child);
  }

  async closeStores(): Promise<void> {
    for (const child of this.#children.splice(0)) await killed(child);
    for (const store of this.#stores.splice(0)) await store.close();
  }

  async remove(): Promise<void> {
    await this.closeStores();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What a child said so far, line by line. */
export class Committer {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly #closed: Promise<unknown>;
  #heard: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    this.#closed = once(child, 'close');
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.lines.push(line);
        this.#heard();
      });
    }
  }

  /** Resolves with the first line that matches; rejects when the child ends without one. */
  async says(pattern: RegExp): Promise<string> {
    await this.#until(() => this.lines.some((line) => pattern.test(line)), String(pattern));
    return this.lines.find((line) => pattern.test(line)) ?? '';
  }

  /** Resolves once it has said this many lines. */
  hears(count: number): Promise<void> {
    return this.#until(() => this.lines.length >= count, `${count} lines`);
  }

  async #until(enough: () => boolean, what: string): Promise<void> {
    while (!enough()) {
      const more = new Promise<'more'>((resolve) => (this.#heard = () => resolve('more')));
      if ((await Promise.race([more, this.#closed])) !== 'more' && !enough()) {
        throw new Error(`ended before ${what}; it said: ${this.lines.join(' | ')}`);
      }
    }
  }

  /** Kills it without warning; resolves when all it ever said is in `lines`. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#closed;
  }

  async exit(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
