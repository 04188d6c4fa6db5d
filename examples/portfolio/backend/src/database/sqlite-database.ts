import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { Database, DuplicateError, type Row, type Value } from './database';

export class SqliteDatabase extends Database {
  readonly kind = 'sqlite';
  private readonly db: Libsql.Database;

  constructor(folder: string) {
    super();
    mkdirSync(folder, { recursive: true });
    this.db = new Libsql(join(folder, 'portfolio.db'));
    this.db.pragma('busy_timeout = 5000');
    this.db.pragma('journal_mode = WAL');
  }

  async query(sql: string, values: Value[] = []): Promise<Row[]> {
    try {
      return this.db.prepare(sql.replace(/\$(\d+)/g, '?$1')).all(...values) as Row[];
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message.includes('UNIQUE constraint failed')) throw new DuplicateError(message, { cause: error });
      throw error;
    }
  }
}
