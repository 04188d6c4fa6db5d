import { Logger } from '@nestjs/common';
import { DatabaseError, Pool } from 'pg';
import { Database, DuplicateError, type Row, type Value } from './database';

const UNIQUE_VIOLATION = '23505';

export class PostgresDatabase extends Database {
  readonly kind = 'postgres';
  private readonly pool: Pool;

  constructor(url: string) {
    super();
    this.pool = new Pool({ connectionString: url, max: 5, connectionTimeoutMillis: 5000, statement_timeout: 5000 });
    // Without a listener the loss of an idle connection would end the process.
    this.pool.on('error', (error) => new Logger('Database').warn(`idle connection lost: ${error.message}`));
  }

  async query(sql: string, values: Value[] = []): Promise<Row[]> {
    try {
      return (await this.pool.query<Row>(sql, values)).rows;
    } catch (error) {
      if (error instanceof DatabaseError && error.code === UNIQUE_VIOLATION) throw new DuplicateError(error.message, { cause: error });
      throw error;
    }
  }
}
