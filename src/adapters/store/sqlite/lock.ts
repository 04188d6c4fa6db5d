import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { SignalboxError } from '../../../domain/errors.ts';
import { Database } from './database.ts';
import { sqliteFault, storeError } from './errors.ts';

/**
 * The installation's lock: a file of its own, held by an exclusive transaction for the life of the connection. The kernel drops
 * it with the process, however that ends; children do not inherit it.
 *
 * Nothing but SQLite may open the lock file: closing *any* descriptor of it would drop this process's lock. So the pid, which
 * others read, is in a file beside it.
 */
export class HomeLock {
  #database: Database | null = null;
  readonly #file: string;
  readonly #pid: number;

  constructor(file: string, pid: number) {
    this.#file = file;
    this.#pid = pid;
  }

  get held(): boolean {
    return this.#database !== null;
  }

  /** Does nothing when it is held already. @throws HOME_IN_USE, STORE_FULL, STORE_UNREACHABLE, STORE_CORRUPT. */
  take(): void {
    if (this.#database !== null) return;
    const database = new Database(this.#file, 0);
    try {
      // With a first page in place the lock needs no journal, so it can be had on a full disk too.
      if (Number(database.value('PRAGMA user_version')) === 0) database.exec('PRAGMA user_version = 1');
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (sqliteFault(error)?.code.startsWith('SQLITE_BUSY') === true) throw this.#inUse(error);
      throw storeError(error, this.#file);
    }
    this.#database = database;
    this.#leaveName();
  }

  release(): void {
    if (this.#database === null) return;
    this.#database.exec('ROLLBACK');
    this.#database.close();
    this.#database = null;
  }

  #inUse(cause: unknown): SignalboxError {
    const pid = this.#holder();
    const who = pid === null ? 'another control plane' : `another control plane (pid ${pid})`;
    return new SignalboxError('HOME_IN_USE', `This home is in use by ${who}.`, { cause, details: { pid, lock: this.#file } });
  }

  /** The pid left by the holder; null when it is not there yet or that process is gone. */
  #holder(): number | null {
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8'));
      if (!Number.isSafeInteger(pid) || pid <= 0) return null;
      return isAlive(pid) ? pid : null;
    } catch {
      return null;
    }
  }

  /** For people only. A full disk must not cost the lock, so a failure to write it is no failure. */
  #leaveName(): void {
    try {
      writeFileSync(`${this.#pidFile}.new`, `${this.#pid}\n`, { mode: 0o600 });
      renameSync(`${this.#pidFile}.new`, this.#pidFile);
    } catch {
      // The next one will say "another control plane" without a pid.
    }
  }

  get #pidFile(): string {
    return `${this.#file}.pid`;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
