import { closeSync, openSync, statSync } from 'node:fs';
import Sqlite from 'libsql';
import { SignalboxError } from '../../../domain/errors.ts';
import { storeError } from './errors.ts';
import { applicationId, migrations } from './schema.ts';

type Value = string | number | null;

/** One connection: prepared statements are kept by their text. Synchronous; lives in the store's thread only. */
export class Database {
  readonly #sqlite: Sqlite.Database;
  readonly #statements = new Map<string, Sqlite.Statement>();

  /** @throws STORE_UNREACHABLE, STORE_CORRUPT. */
  constructor(file: string, busyTimeout: number) {
    try {
      createPrivately(file);
      this.#sqlite = new Sqlite(file);
      this.exec(`PRAGMA busy_timeout = ${Math.round(busyTimeout)}`);
    } catch (error) {
      throw storeError(error, file);
    }
  }

  exec(sql: string): void {
    this.#sqlite.exec(sql);
  }

  /** Number of rows changed. */
  run(sql: string, parameters: readonly Value[] = []): number {
    return this.#prepare(sql).run(...parameters).changes;
  }

  all(sql: string, parameters: readonly Value[] = []): readonly Record<string, unknown>[] {
    return this.#prepare(sql).all(...parameters) as readonly Record<string, unknown>[];
  }

  /** The first column of the first row; undefined without a row. */
  value(sql: string, parameters: readonly Value[] = []): unknown {
    const row = this.all(sql, parameters)[0];
    return row === undefined ? undefined : Object.values(row)[0];
  }

  get inTransaction(): boolean {
    return this.#sqlite.inTransaction;
  }

  /** Runs `work` in a write transaction that is on disk when this returns, or leaves no trace. */
  transaction<Result>(work: () => Result): Result {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk ends the transaction by itself.
      if (this.inTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#sqlite.close();
  }

  #prepare(sql: string): Sqlite.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/**
 * Opens the decisions' database and looks at what it is; changes nothing yet.
 * @throws STORE_CORRUPT, STORE_NEWER, STORE_UNREACHABLE.
 */
export function openDatabase(file: string, busyTimeout: number): Database {
  refuseLostMainFile(file);
  const database = new Database(file, busyTimeout);
  try {
    // FULL on every open: a connection that finds WAL already set would come up weaker.
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY');
    refuseForeign(database, file);
    return database;
  } catch (error) {
    database.close();
    throw storeError(error, file);
  }
}

/** The schema is the one this program writes. */
export const isCurrent = (database: Database): boolean => database.value('PRAGMA user_version') === migrations.length;

/** Brings the schema up to date. Call only with the installation's lock held. */
export function migrate(database: Database): void {
  const from = Number(database.value('PRAGMA user_version'));
  // Has an effect only on an empty file: freed pages can be given back to the disk later.
  if (from === 0) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  database.all('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA journal_size_limit = ${16 * 1024 * 1024}`);
  migrations.slice(from).forEach((migration, index) => {
    database.transaction(() => {
      database.exec(migration);
      database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${from + index + 1}`);
    });
  });
}

function refuseForeign(database: Database, file: string): void {
  const version = Number(database.value('PRAGMA user_version'));
  const ours = database.value('PRAGMA application_id') === applicationId;
  if (!ours && Number(database.value('SELECT count(*) FROM sqlite_schema')) > 0) {
    throw new SignalboxError('STORE_CORRUPT', `${file} is a database of another program. Nothing was overwritten.`, {
      details: { file },
    });
  }
  if (version > migrations.length) {
    throw new SignalboxError(
      'STORE_NEWER',
      `${file} was written by a newer Signalbox (schema ${version}; this one knows ${migrations.length}). Nothing was changed.`,
      { details: { file, found: version, known: migrations.length } },
    );
  }
}

/** SQLite deletes a log whose database is empty; that log may be all that is left of the decisions. */
function refuseLostMainFile(file: string): void {
  if (sizeOf(file) > 0 || sizeOf(`${file}-wal`) === 0) return;
  throw new SignalboxError(
    'STORE_CORRUPT',
    `${file} is gone or empty, but its log ${file}-wal is not. Nothing was overwritten.`,
    {
      details: { file },
    },
  );
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Owner only: documents hold run-time variables. SQLite gives its other files the same mode. */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    if (code === 'ENOSPC')
      throw new SignalboxError('STORE_FULL', `There is no room to create ${file}.`, { cause: error, details: { file } });
    throw new SignalboxError('STORE_UNREACHABLE', `${file} cannot be created (${code}).`, { cause: error, details: { file } });
  }
}
